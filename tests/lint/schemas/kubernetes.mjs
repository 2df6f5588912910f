// Reads objects of Kubernetes as a JSON array from stdin and prints what is wrong with them, as a JSON array of strings.
import { readFileSync } from "node:fs";

// The validators of `kubernetes-models` pass over fields that they do not know. They look at each field that they do know,
// so one that nobody looked at is one that Kubernetes would not know either.
function watch(value, path, unseen) {
  if (typeof value !== "object" || value === null) return value;
  const inner = {};
  for (const key of Object.keys(value)) {
    inner[key] = watch(value[key], `${path}/${key}`, unseen);
    unseen.add(`${path}/${key}`);
  }
  return new Proxy(Array.isArray(value) ? Object.assign([], inner) : inner, {
    get(target, key) {
      unseen.delete(`${path}/${String(key)}`);
      return target[key];
    },
  });
}

const faults = [];
for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const name = `${object.kind} ${object.metadata?.name}`;
  const Kind = (await import(`kubernetes-models/${object.apiVersion}`))[object.kind];
  if (!Kind) {
    faults.push(`${name}: unknown in ${object.apiVersion}`);
    continue;
  }
  const unseen = new Set();
  const made = new Kind(object);
  for (const [key, value] of Object.entries(object)) made[key] = watch(value, key, unseen);
  try {
    made.validate();
    for (const path of unseen) faults.push(`${name}: ${path} is unknown`);
  } catch (fault) {
    faults.push(`${name}: ${fault.message}`);
  }
}
console.log(JSON.stringify(faults));
