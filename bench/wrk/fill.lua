-- Tokens that live long: BENCH_LISTS=FOLDER wrk -s fill.lua URL
-- With BENCH_END=SECONDS tokens that end within the minute from that time on, and a child of every fifth.
dofile(os.getenv("BENCH_SCRIPTS") .. "/report.lua")

local parents, made, nth, last = {}, {}, 0, tonumber(os.getenv("BENCH_END") or 0)

local function create(token, ttl)
  return whole("POST", "/v1/auth/token/create", token, '{"ttl":"' .. ttl .. 's"}')
end

function init(args)
  math.randomseed(os.time())
  parents = lines(os.getenv("BENCH_LISTS") .. "/tokens")
end

function request()
  nth = nth + 1
  if last == 0 then return create(parents[math.random(#parents)], 86400) end
  if nth % 6 == 0 and #made > 0 then return create(table.remove(made), 86400) end
  return create(parents[math.random(#parents)], last + math.random(0, 59) - os.time())
end

if last > 0 then
  function response(status, headers, body)
    if #made < 100 then made[#made + 1] = body:match('"client_token":"([^"]+)"') end
  end
end
