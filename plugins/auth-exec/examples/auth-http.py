#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""A program for auth-exec: asks a web service. See adit-auth-exec(5).

    auth-http.py [--timeout SECONDS] [--ca-file FILE] [--bearer-file FILE] URL

Each question is sent as it is, by POST. The service answers with status 200 and a JSON object that
has verdict and what else an answer may have (an id is not needed). Whatever else happens is a
"fail". The service's certificate is verified; http:// is for this machine only. Questions are sent
side by side.
"""

import argparse
import concurrent.futures
import json
import ssl
import sys
import threading
import urllib.parse
import urllib.request

ANSWER_MAX = 60000


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):         # a password goes where it was meant to go
        return None


class Hook:
    def __init__(self, args):
        context = ssl.create_default_context(cafile=args.ca_file)
        self.url, self.timeout = args.url, args.timeout
        self.headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if args.bearer_file:
            with open(args.bearer_file, encoding="ascii") as f:
                self.headers["Authorization"] = "Bearer " + f.read().strip()
        self.opener = urllib.request.build_opener(
            NoRedirect, urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context))
        self.lock = threading.Lock()        # of standard output

    def ask(self, line):
        request = urllib.request.Request(self.url, line.encode(), self.headers, method="POST")
        with self.opener.open(request, timeout=self.timeout) as response:
            text = response.read(ANSWER_MAX + 1)
            if response.status != 200 or len(text) > ANSWER_MAX:
                raise ValueError("status %d, %d bytes" % (response.status, len(text)))
        answer = json.loads(text)
        if not isinstance(answer, dict):
            raise ValueError("the answer is no object")
        return answer

    def handle(self, line):
        question = json.loads(line)
        try:
            answer = self.ask(line)
        except Exception as e:              # pylint: disable=broad-except
            print("%s: %s" % (type(e).__name__, e), file=sys.stderr, flush=True)
            answer = {"verdict": "fail", "reason": "the web service did not answer as it should"}
        answer["id"] = question["id"]
        with self.lock:
            print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--timeout", type=float, default=4.0)
    parser.add_argument("--ca-file")
    parser.add_argument("--bearer-file")
    parser.add_argument("url")
    args = parser.parse_args()
    url = urllib.parse.urlsplit(args.url)
    if url.scheme != "https" and (url.scheme, url.hostname) not in (
            ("http", "127.0.0.1"), ("http", "::1"), ("http", "localhost")):
        parser.error("the URL must begin with https:// (http:// on this machine)")
    hook = Hook(args)
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        for line in sys.stdin:
            pool.submit(hook.handle, line)


main()
