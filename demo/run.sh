#!/usr/bin/env bash
# From a fresh clone to a secret read back under a policy: builds, starts a real server (not a dev one)
# on the embedded store in .demo/, runs the article's commands, shows the audit lines they left.
# Stop the server with `demo/run.sh stop`; start over with `demo/run.sh clean`.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/.demo
port=${STRONGROOM_DEMO_PORT:-8200}
export VAULT_ADDR=http://127.0.0.1:$port
unset VAULT_TOKEN VAULT_NAMESPACE VAULT_FORMAT 2>/dev/null || true
export HOME=$here   # the token helper's file stays in the demo's folder

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() { printf '\033[36m$ %s\033[0m\n' "$*"; "$@"; }
stop() {
  [ -f "$here/pid" ] || return 0
  kill "$(cat "$here/pid")" 2>/dev/null || true
  for _ in $(seq 50); do kill -0 "$(cat "$here/pid")" 2>/dev/null || break; sleep 0.1; done
  rm -f "$here/pid"
}

case "${1:-}" in
  stop) stop; exit 0 ;;
  clean) stop; rm -rf "$here"; exit 0 ;;
  "") ;;
  *) echo "usage: demo/run.sh [stop|clean]" >&2; exit 2 ;;
esac

say "Building the program (the first time takes a few minutes)"
HOME=$(getent passwd "$(id -u)" | cut -d: -f6) cargo build --quiet --locked --release --package strongroom
stop
rm -rf "$here"
mkdir -p "$here/bin"
ln -s "$PWD/target/release/strongroom" "$here/bin/strongroom"
ln -s strongroom "$here/bin/vault"      # the same program under Vault's name
export PATH=$here/bin:$PATH

cat >"$here/strongroom.hcl" <<EOF
storage "redb" {
  path = "$here/data"
}
listener "tcp" {
  address     = "127.0.0.1:$port"
  tls_disable = true            # a demo on this machine only
}
EOF

say "Starting a server on the embedded store in .demo/data"
strongroom server -config="$here/strongroom.hcl" >"$here/server.log" 2>&1 &
echo $! >"$here/pid"
for _ in $(seq 100); do
  code=0; vault status >/dev/null 2>&1 || code=$?
  [ "$code" != 1 ] && break
  kill -0 "$(cat "$here/pid")" 2>/dev/null || { cat "$here/server.log"; exit 1; }
  sleep 0.1
done

say "Initialising it: five key shares, any three of them unseal"
vault operator init -format=json >"$here/keys.json"
chmod 600 "$here/keys.json"
key() { python3 -c "import json,sys; print(json.load(open('$here/keys.json'))$1)"; }
for n in 0 1 2; do vault operator unseal "$(key "['unseal_keys_b64'][$n]")" >/dev/null; done
run vault status
vault login -no-print "$(key "['root_token']")"

say "An audit trail, a key/value store, a policy and a restricted token"
run vault audit enable file file_path="$here/audit.log"
run vault secrets enable -path=secret -version=2 kv
printf 'path "secret/data/my-secret" {\n  capabilities = ["create", "update", "read"]\n}\n' >"$here/my-app.hcl"
run vault policy write my-app "$here/my-app.hcl"
token=$(vault token create -policy=my-app -ttl=1h -field=token)

say "The article's command, with the restricted token"
export VAULT_TOKEN=$token
run vault kv put secret/my-secret username=admin password=s3cr3t
run vault kv get secret/my-secret
run vault kv get -field=username secret/my-secret; echo
say "What the policy does not allow is refused"
run vault kv get secret/other || true
unset VAULT_TOKEN

say "Kubernetes login comes with the next release: the error says so"
run vault auth enable kubernetes || true

say "The last audit lines: who did what, every secret hashed"
tail -n 4 "$here/audit.log" | cut -c1-400

cat <<EOF

The server runs on $VAULT_ADDR (process $(cat "$here/pid"), log .demo/server.log). Go on with:

    export VAULT_ADDR=$VAULT_ADDR PATH=$here/bin:\$PATH
    vault login                     # the root token is in .demo/keys.json
    vault kv put secret/another key=value
    curl -H "X-Vault-Token: \$(cat $here/.vault-token)" $VAULT_ADDR/v1/secret/data/another

    demo/run.sh stop                # stops the server
    demo/run.sh clean               # and removes everything
EOF
