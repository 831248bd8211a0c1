-- Transit on 64 bytes: BENCH_LISTS=FOLDER BENCH_TRANSIT=encrypt|sign|batch wrk -s transit.lua URL
-- A batch is 100 signatures.
dofile(os.getenv("BENCH_SCRIPTS") .. "/report.lua")

local input = string.rep("QUJD", 21) .. "QQ=="
local what = os.getenv("BENCH_TRANSIT")
local token = lines(os.getenv("BENCH_LISTS") .. "/transit")[1]
local single

if what == "encrypt" then
  single = whole("POST", "/v1/transit/encrypt/aes", token, '{"plaintext":"' .. input .. '"}')
elseif what == "sign" then
  single = whole("POST", "/v1/transit/sign/ed25519", token, '{"input":"' .. input .. '"}')
else
  local item = '{"input":"' .. input .. '"}'
  local body = '{"batch_input":[' .. string.rep(item .. ",", 99) .. item .. "]}"
  single = whole("POST", "/v1/transit/sign/ed25519", token, body)
end

function request()
  return single
end
