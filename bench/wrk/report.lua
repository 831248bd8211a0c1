-- Prints what wrk measured as a line of JSON, the last of its output. Loaded by the other scripts.
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"answers": %d, "seconds": %.6f, "failed": %d, "broken": %d, "p50": %.4f, "p99": %.4f}',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end

-- The lines of a file.
function lines(path)
  local all = {}
  for line in io.lines(path) do all[#all + 1] = line end
  return all
end

-- A whole HTTP/1.1 request as text, so that sending it costs nothing.
function whole(method, path, token, body)
  local head = method .. " " .. path .. " HTTP/1.1\r\nHost: bench\r\nX-Vault-Token: " .. token .. "\r\n"
  if body then
    return head .. "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
  end
  return head .. "\r\n"
end
