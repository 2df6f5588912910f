// Asks Standard Webhooks' own library about requests: a JSON array of {secret, headers, body (Base64), at (Unix seconds,
// absent: now)} on stdin, one answer for each on stdout: {"accepted": true} or {"accepted": false, "reason": "…"}.

import { Webhook } from "standardwebhooks";
import { readFileSync } from "node:fs";

const clock = Date.now;

function verdict({ secret, headers, body, at }) {
  Date.now = at === undefined ? clock : () => at * 1000;
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64"), headers);
    return { accepted: true };
  } catch (refusal) {
    return { accepted: false, reason: refusal.message };
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(verdict)));
