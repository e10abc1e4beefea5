// node wasi.mjs PROGRAM.wasm [ARGUMENT]...: runs a program or test for wasm32-wasip1, which sees the project, what lies
// beside it, and /tmp, by their full paths.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
const beside = dirname(resolve(import.meta.dirname, '../..'));
const wasi = new WASI({ version: 'preview1', args, env: process.env, preopens: { [beside]: beside, '/tmp': '/tmp' } });
const module = await WebAssembly.compile(await readFile(args[0]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
