-- Children of random tokens: BENCH_LISTS=FOLDER wrk -s token.lua URL
dofile(os.getenv("BENCH_SCRIPTS") .. "/report.lua")

local requests

function init(args)
  math.randomseed(os.time())
  requests = {}
  for i, token in ipairs(lines(os.getenv("BENCH_LISTS") .. "/tokens")) do
    requests[i] = whole("POST", "/v1/auth/token/create", token, '{"ttl":"1h"}')
  end
end

function request()
  return requests[math.random(#requests)]
end
