-- Sends the tokens of the file TOKENS in turn: to the API server as reviews, or to Strongroom as logins.
local bodies = {}
local kind = os.getenv("KIND")
for line in io.lines(os.getenv("TOKENS")) do
  if kind == "review" then
    bodies[#bodies + 1] = '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"' .. line .. '","audiences":["vault"]}}'
  else
    bodies[#bodies + 1] = '{"role":"app","jwt":"' .. line .. '"}'
  end
end
local headers = { ["Content-Type"] = "application/json" }
if kind == "review" then headers["Authorization"] = "Bearer " .. os.getenv("REVIEWER") end
local nth = 0
request = function()
  nth = nth % #bodies + 1
  return wrk.format("POST", nil, headers, bodies[nth])
end
