// Prints the request headers that a token of tokend's goes into: node acquire.mjs NAME

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const proto = fileURLToPath(new URL("../../proto", import.meta.url));
const definition = loadSync("tokend/v1/token.proto", { includeDirs: [proto], keepCase: true });
const { TokenService } = grpc.loadPackageDefinition(definition).tokend.v1;

const name = process.argv[2];
if (!name) {
  console.error("usage: acquire.mjs NAME");
  process.exit(2);
}
const path = (process.env.TOKEND_SOCKET ?? "/run/tokend/tokend.sock").replace("unix://", "");
const tokens = new TokenService(`unix:${path}`, grpc.credentials.createInsecure());

// Long enough for a login at a slow provider.
const deadline = Date.now() + 30_000;
tokens.AcquireToken({ name }, { deadline }, (error, answer) => {
  tokens.close();
  if (error) {
    console.error(`${name}: ${grpc.status[error.code]}: ${error.details}`);
    process.exitCode = 1;
    return;
  }
  for (const { header, value } of answer.token.placements.filter(({ header }) => header)) {
    console.log(`${header}: ${value}`);
  }
});
