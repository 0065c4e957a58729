#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the keys of this folder anew: openssl for PEM, node's own crypto for the same keys as JWK, and
# the tool jose for another set. Private halves are thrown away, but for two that must be refused.
set -eu
cd "$(dirname "$0")"
for curve in prime256v1:p256 secp384r1:p384 secp521r1:p521; do
	openssl ecparam -genkey -noout -name "${curve%:*}" -out "${curve#*:}.key"
done
openssl genpkey -algorithm ed25519 -out ed25519.key
openssl genpkey -algorithm ed448 -out ed448.key
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.key
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 \
	-pkeyopt rsa_pss_keygen_md:sha384 -pkeyopt rsa_pss_keygen_mgf1_md:sha384 \
	-pkeyopt rsa_pss_keygen_saltlen:48 -out pss384.key
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short.key
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
	-pkeyopt rsa_keygen_pubexp:3 -out three.key
openssl ecparam -genkey -noout -name secp256k1 -out k1.key
openssl genpkey -algorithm x25519 -out x25519.key
for key in *.key; do
	openssl pkey -in "$key" -pubout -out "${key%.key}.pem"
done
openssl rsa -in rsa.key -RSAPublicKey_out -out pkcs1.pem 2> /dev/null
openssl req -x509 -key rsa.key -subj /CN=signer -days 36500 -out rsa.crt
node -e '
const crypto = require("crypto"), fs = require("fs");
const keys = ["p256", "p384", "p521", "ed25519", "ed448", "rsa"].map((name) => ({
	kid: name, ...crypto.createPublicKey(fs.readFileSync(name + ".pem")).export({format: "jwk"})}));
fs.writeFileSync("node.jwks", JSON.stringify({keys}, null, "\t") + "\n");
'
set --
for alg in ES256 ES384 ES512 RS256 RS512 PS384; do
	set -- "$@" -i "{\"alg\":\"$alg\",\"kid\":\"$alg\"}"
done
jose jwk gen "$@" -o private.key
jose jwk pub -i private.key -o jose.jwks
jose jwk gen -i '{"alg":"HS256","kid":"HS256"}' -i '{"alg":"HS512","kid":"HS512"}' -o secret.jwks
cp p256.key private-p256.pem
rm -f ./*.key
