// node browser.mjs nimbert.wasm MODEL TEXT...: the C interface as a page would use it. The module needs nothing of its host:
// no files, no clock, no threads. What classify.c prints is printed.
import { readFile } from 'node:fs/promises';

const [, , path, model, ...texts] = process.argv;
const { instance } = await WebAssembly.instantiate(await readFile(path), {});
const { memory, ...nimbert } = instance.exports;
const PAGE = 65536;

// Pages of our own, behind all that the library has: its allocator takes new ones, too, wherever they are.
function place(bytes) {
    const at = memory.grow(Math.ceil(bytes.length / PAGE) || 1) * PAGE;
    new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
    return at;
}

function string(at) {
    const bytes = new Uint8Array(memory.buffer, at);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

function check(status) {
    if (status !== 0) throw new Error(string(nimbert.nimbert_last_error()));
}

const weights = await readFile(model);
const engineAt = place(new Uint8Array(4));
let start = performance.now();
check(nimbert.nimbert_load_memory(place(weights), weights.length, 0, engineAt));
const engine = new DataView(memory.buffer).getUint32(engineAt, true);
console.error(`loaded in ${(performance.now() - start).toFixed(1)} ms: ${string(nimbert.nimbert_isa(engine))}`);
const labels = nimbert.nimbert_label_count(engine);
const pointers = place(new Uint8Array(4 * texts.length));
texts.forEach((text, i) => {
    const at = place(new TextEncoder().encode(text + '\0'));
    new DataView(memory.buffer).setUint32(pointers + 4 * i, at, true);
});
const scores = place(new Uint8Array(4 * labels * texts.length));
start = performance.now();
check(nimbert.nimbert_classify(engine, pointers, 0, texts.length, scores, 0, labels * texts.length));
console.error(`${texts.length} texts in ${(performance.now() - start).toFixed(1)} ms`);
texts.forEach((text, i) => {
    const row = new Float32Array(memory.buffer, scores + 4 * labels * i, labels);
    const best = row.indexOf(Math.max(...row));
    console.log(`${string(nimbert.nimbert_label(engine, best)).padEnd(8)} ${row[best].toFixed(3)}  ${text}`);
});
