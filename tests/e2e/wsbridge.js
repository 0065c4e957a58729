// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the Adit authors
//
// ws of npm between a WebSocket and a TCP connection; wsbridge.py says how it is called.

'use strict';
const net = require('net');
const WebSocket = require('ws');

function bridge(ws, port) {
	const tcp = net.connect(port, '127.0.0.1');

	console.log('subprotocol', ws.protocol);
	ws.on('message', (data, binary) => {
		if (!binary)
			throw new Error('a text message');
		if (!tcp.write(data)) {
			ws.pause();
			tcp.once('drain', () => ws.resume());
		}
	});
	tcp.on('data', (data) => {
		tcp.pause();
		ws.send(data, { binary: true }, () => tcp.resume());
	});
	tcp.on('end', () => ws.close(1000));
	tcp.on('error', () => ws.terminate());
	ws.on('close', (code) => {
		console.log('closed', code);
		tcp.end();
	});
	ws.on('error', (e) => console.log(String(e)));
}

if (process.argv[2] === 'client') {
	const ws = new WebSocket(process.argv[3], ['adit.1'], { perMessageDeflate: true });

	ws.on('open', () => ws.ping('are you there'));
	ws.once('pong', () => {
		console.log('pong');
		bridge(ws, Number(process.argv[4]));
	});
} else {
	const wss = new WebSocket.Server({ host: '127.0.0.1', port: 0, perMessageDeflate: true,
		handleProtocols: () => 'adit.1' });

	wss.on('listening', () => console.log('port', wss.address().port));
	wss.on('connection', (ws, request) => {
		console.log('path', request.url);
		bridge(ws, Number(process.argv[3]));
	});
}
