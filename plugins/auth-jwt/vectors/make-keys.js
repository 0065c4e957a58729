// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the Adit authors
//
// Made keys.jwks of the private keys beside it: node make-keys.js > keys.jwks. One key for each algorithm,
// its kid the algorithm in lower case; Ed25519 is "eddsa", Ed448 is "ed448".
const { createPublicKey } = require('crypto');
const fs = require('fs');

const jwk = (file) => createPublicKey(fs.readFileSync(file)).export({ format: 'jwk' });
const keys = [];
for (const bits of [256, 384, 512]) {
	const k = fs.readFileSync(`hs${bits}.secret`, 'utf8');
	keys.push({ kty: 'oct', k, kid: `hs${bits}`, alg: `HS${bits}` });
	for (const kind of ['RS', 'PS'])
		keys.push({ ...jwk('rsa.key'), kid: `${kind.toLowerCase()}${bits}`, alg: `${kind}${bits}` });
	keys.push({ ...jwk(`es${bits}.key`), kid: `es${bits}`, alg: `ES${bits}` });
}
keys.push({ ...jwk('ed25519.key'), kid: 'eddsa', alg: 'EdDSA' });
keys.push({ ...jwk('ed448.key'), kid: 'ed448', alg: 'EdDSA' });
console.log(JSON.stringify({ keys }, null, 1));
