/**
 * The SDK's `.d.ts` files, made by tsc from its JSDoc: those that `hotseat.d.ts` needs, and no others. Run as a
 * program (`npm run types`) it writes them to `web/sdk/types`.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../../web", import.meta.url));
const TSC = fileURLToPath(new URL("../node_modules/.bin/tsc", import.meta.url));
export const TYPES = join(WEB, "sdk/types");

/** @returns {Map<string, string>} text by file name */
export function makeDeclarations() {
  const out = mkdtempSync(join(tmpdir(), "hotseat-types-"));
  try {
    execFileSync(TSC, ["-p", WEB, "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", out]);
    const made = new Map();
    const wanted = ["hotseat.d.ts"];
    for (const name of wanted) {
      const text = readFileSync(join(out, "sdk", name), "utf8");
      made.set(name, text);
      for (const [, module] of text.matchAll(/(?:from |import\()"\.\/([\w-]+)\.js"/g)) {
        if (!wanted.includes(`${module}.d.ts`)) wanted.push(`${module}.d.ts`);
      }
    }
    return made;
  } finally {
    rmSync(out, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of makeDeclarations()) writeFileSync(join(TYPES, name), text);
}
