#!/bin/sh
# Give the exporter the policy in $POLICY, and write a token with it to $TOKEN_FILE, for the user $TOKEN_OWNER.
set -eu

bao policy write vault-exporter "$POLICY"
umask 077
bao token create -orphan -policy=vault-exporter -period=72h -display-name=vault-exporter -field=token >"$TOKEN_FILE.new"
chown "$TOKEN_OWNER" "$TOKEN_FILE.new"
mv "$TOKEN_FILE.new" "$TOKEN_FILE"
