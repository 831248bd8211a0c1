-- New versions of random secrets, 400 bytes: BENCH_LISTS=FOLDER wrk -s write.lua URL
dofile(os.getenv("BENCH_SCRIPTS") .. "/report.lua")

local requests

function init(args)
  math.randomseed(os.time())
  local lists = os.getenv("BENCH_LISTS")
  local paths, tokens = lines(lists .. "/paths"), lines(lists .. "/tokens")
  local data = '{"data":{"username":"app","password":"' .. string.rep("x", 345) .. '","port":5432}}'
  requests = {}
  for i, path in ipairs(paths) do
    requests[i] = whole("POST", "/v1/secret/data/" .. path, tokens[math.random(#tokens)], data)
  end
end

function request()
  return requests[math.random(#requests)]
end
