// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the Adit authors
//
// Tokens of and for others, by the keys of vectors/:
//   node interop.js sign LIBRARY FOLDER      prints "KID TOKEN" for each algorithm that it has
//   node interop.js verify LIBRARY FOLDER    reads "KID TOKEN", prints "KID ok" or "KID REASON"
//   node interop.js has LIBRARY              ends with 0 if the library is there
// LIBRARY is jose or jsonwebtoken.
'use strict';
const fs = require('fs');
const crypto = require('crypto');

const [what, name, folder] = process.argv.slice(2);
const NOW = 2000000000;
const CLAIMS = { iss: 'https://id.example', aud: 'adit', sub: 'alice', exp: NOW + 600 };
const KIDS = ['hs', 'rs', 'ps', 'es'].flatMap((f) => [256, 384, 512].map((n) => f + n));

const read = (file) => fs.readFileSync(`${folder}/${file}`, 'utf8');
const algorithm = (kid) => (KIDS.includes(kid) ? kid.toUpperCase() : 'EdDSA');

function secret(kid) {
	return Buffer.from(read(`${kid}.secret`), 'base64url');
}

function privateKey(kid) {
	if (kid.startsWith('hs'))
		return secret(kid);
	const file = /^[rp]s/.test(kid) ? 'rsa' : kid === 'eddsa' ? 'ed25519' : kid;
	return crypto.createPrivateKey(read(`${file}.key`));
}

function publicKey(kid) {
	return kid.startsWith('hs') ? secret(kid) : crypto.createPublicKey(privateKey(kid));
}

const libraries = {
	jose: {
		kids: [...KIDS, 'eddsa', 'ed448'],
		sign: (jose, kid) => new jose.SignJWT(CLAIMS)
			.setProtectedHeader({ alg: algorithm(kid), kid, typ: 'JWT' }).sign(privateKey(kid)),
		verify: (jose, kid, token) => jose.jwtVerify(token, publicKey(kid), {
			algorithms: [algorithm(kid)], issuer: CLAIMS.iss, audience: CLAIMS.aud,
			currentDate: new Date(NOW * 1000), clockTolerance: 60 }),
	},
	jsonwebtoken: {
		kids: KIDS,
		sign: (jwt, kid) => jwt.sign(CLAIMS, privateKey(kid), {
			algorithm: algorithm(kid), keyid: kid, noTimestamp: true }),
		verify: (jwt, kid, token) => jwt.verify(token, publicKey(kid), {
			algorithms: [algorithm(kid)], issuer: CLAIMS.iss, audience: CLAIMS.aud,
			clockTimestamp: NOW, clockTolerance: 60 }),
	},
};

async function main() {
	const module = require(name);
	const library = libraries[name];
	if (what === 'sign')
		for (const kid of library.kids)
			console.log(`${kid} ${await library.sign(module, kid)}`);
	if (what === 'verify')
		for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
			const [kid, token] = line.split(' ');
			if (!library.kids.includes(kid))
				continue;
			try {
				await library.verify(module, kid, token);
				console.log(`${kid} ok`);
			} catch (e) {
				console.log(`${kid} ${e.message.replaceAll('\n', ' ')}`);
			}
		}
}

main().catch((e) => {
	if (what !== 'has')
		console.error(e);
	process.exit(1);
});
