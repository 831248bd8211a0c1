-- Reads of random secrets with random tokens: BENCH_LISTS=FOLDER wrk -s read.lua URL
dofile(os.getenv("BENCH_SCRIPTS") .. "/report.lua")

local requests

function init(args)
  math.randomseed(os.time())
  local lists = os.getenv("BENCH_LISTS")
  local paths, tokens = lines(lists .. "/paths"), lines(lists .. "/tokens")
  requests = {}
  for i, path in ipairs(paths) do
    requests[i] = whole("GET", "/v1/secret/data/" .. path, tokens[math.random(#tokens)])
  end
end

function request()
  return requests[math.random(#requests)]
end
