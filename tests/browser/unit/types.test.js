/** The types that lie in the npm package are those of the code. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { makeDeclarations, TYPES } from "../support/declarations.js";

test("the declarations in web/sdk/types are what tsc makes of the code (npm run types)", () => {
  const made = makeDeclarations();
  assert.deepEqual(readdirSync(TYPES).sort(), [...made.keys()].sort());
  for (const [name, text] of made) assert.equal(readFileSync(join(TYPES, name), "utf8"), text, name);
});
