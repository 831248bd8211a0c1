#!/usr/bin/env bash
# From a fresh clone to a secret read back under a policy: builds, starts a real server (not a dev one)
# on the embedded store in .demo/, runs the article's commands, shows the audit lines they left.
# Stop the server with `demo/run.sh stop`; start over with `demo/run.sh clean`.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/.demo
port=${STRONGROOM_DEMO_PORT:-8200}
export VAULT_ADDR=http://127.0.0.1:$port

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\033[1m' blue=$'\033[36m' plain=$'\033[0m'
else
  bold='' blue='' plain=''
fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '%s$ %s%s\n' "$blue" "$*" "$plain"; "$@"; }

# Whether the server of an earlier run still runs; after a restart of the machine its number may be another's.
running() { [ -f "$here/pid" ] && grep -qsF "$here/strongroom.hcl" "/proc/$(cat "$here/pid")/cmdline"; }
stop() {
  if running; then
    kill "$(cat "$here/pid")"
    for _ in $(seq 100); do running || break; sleep 0.1; done
    if running; then echo "process $(cat "$here/pid") does not stop" >&2; exit 1; fi
  fi
  rm -f "$here/pid"
}

case "${1:-}" in
  stop) stop; exit 0 ;;
  clean) stop; rm -rf "$here"; exit 0 ;;
  "") ;;
  *) echo "usage: demo/run.sh [stop|clean]" >&2; exit 2 ;;
esac

say "Building the program (the first time takes a few minutes)"
cargo build --quiet --locked --release --package strongroom
stop
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  echo "Something else listens on port $port; name another one: STRONGROOM_DEMO_PORT=8210 make demo" >&2
  exit 1
fi
rm -rf "$here"
umask 077
mkdir -p "$here/bin"
ln -s "$PWD/target/release/strongroom" "$here/bin/strongroom"
ln -s strongroom "$here/bin/vault"      # the same program under Vault's name
export PATH=$here/bin:$PATH
export HOME=$here                       # the token file stays in the demo's folder
for name in $(compgen -e VAULT_); do [ "$name" = VAULT_ADDR ] || unset "$name"; done

cat >"$here/strongroom.hcl" <<END
storage "redb" {
  path = "$here/data"
}
listener "tcp" {
  address     = "127.0.0.1:$port"
  tls_disable = true            # a demo on this machine only
}
END

say "Starting a server on the embedded store in .demo/data"
strongroom server -config="$here/strongroom.hcl" >"$here/server.log" 2>&1 </dev/null &
echo $! >"$here/pid"
for _ in $(seq 100); do
  code=0; vault status >/dev/null 2>&1 || code=$?
  [ "$code" != 1 ] && break
  kill -0 "$(cat "$here/pid")" 2>/dev/null || break
  sleep 0.1
done
if [ "$code" = 1 ]; then
  echo "The server did not start:" >&2
  cat "$here/server.log" >&2
  exit 1
fi

say "Initialising it: five key shares, any three of them unseal"
vault operator init -format=json >"$here/keys.json"
key() { python3 -c "import json; print(json.load(open('$here/keys.json'))$1)"; }
for n in 0 1 2; do vault operator unseal "$(key "['unseal_keys_b64'][$n]")" >/dev/null; done
run vault status
vault login -no-print "$(key "['root_token']")"

say "An audit trail, a key/value store, a policy, and a token that may do no more than the policy says"
run vault audit enable file file_path="$here/audit.log"
run vault secrets enable -path=secret -version=2 kv
printf 'path "secret/data/my-secret" {\n  capabilities = ["create", "update", "read"]\n}\n' >"$here/my-app.hcl"
run cat "$here/my-app.hcl"
run vault policy write my-app "$here/my-app.hcl"
printf '%s$ export VAULT_TOKEN=$(vault token create -policy=my-app -ttl=1h -field=token)%s\n' "$blue" "$plain"
VAULT_TOKEN=$(vault token create -policy=my-app -ttl=1h -field=token)
export VAULT_TOKEN

say "The article's command, with that token"
run vault kv put secret/my-secret username=admin password=s3cr3t
run vault kv get secret/my-secret
run vault kv get -field=username secret/my-secret; echo

say "What the policy does not allow is refused, and an administrator can ask why"
run vault kv get secret/other || true
run env -u VAULT_TOKEN vault policy explain "$VAULT_TOKEN" GET secret/data/other

say "The audit lines of all that, shortened: who did what, every secret hashed"
python3 - "$here/audit.log" <<'END'
import json, sys
for line in open(sys.argv[1]):
    entry = json.loads(line)
    request = entry["request"]
    if entry["type"] == "request" and request["path"].startswith("secret/data/"):
        who = ",".join(entry["auth"].get("policies", []))
        allowed = "allowed" if entry["auth"]["policy_results"]["allowed"] else "denied"
        print(f'{entry["time"]} {who} {request["operation"]} {request["path"]} {allowed}')
        if "data" in request:
            print("    " + json.dumps(request["data"].get("data")))
END
unset VAULT_TOKEN

say "Pods log in with their service accounts; a role says which, and what they may do"
run vault auth enable kubernetes
# A real one comes from the cluster. The command sends what the file holds and says so.
printf 'eyJhbGciOiJSUzI1NiJ9.e30.ZGVtbw' >"$here/jwt"
run vault write auth/kubernetes/config token_reviewer_jwt="$here/jwt" kubernetes_host="https://127.0.0.1:6443"
run vault write auth/kubernetes/role/my-app bound_service_account_names=my-app \
  bound_service_account_namespaces=default policies=my-app ttl=1h

cat <<END

The server runs on $VAULT_ADDR (process $(cat "$here/pid"), log .demo/server.log, keys and root token
in .demo/keys.json). Go on with:

    export VAULT_ADDR=$VAULT_ADDR PATH=$here/bin:\$PATH
    export VAULT_TOKEN=\$(cat $here/.vault-token)     # the root token
    vault kv put secret/another key=value
    curl -H "X-Vault-Token: \$VAULT_TOKEN" $VAULT_ADDR/v1/secret/data/another

    demo/run.sh stop                # stops the server
    demo/run.sh clean               # and removes everything
END
