// openapi-backend over node:http, requests and answers validated by ajv: the same answers, nothing kept.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.BENCH_NODE, "package.json"));
const { OpenAPIBackend } = require("openapi-backend");

const answers = JSON.parse(readFileSync(process.env.BENCH_ANSWERS, "utf8"));
const send = (response, status, value) => {
  const text = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { "content-type": "application/json", "content-length": text.length });
  response.end(text);
};

const api = new OpenAPIBackend({
  definition: JSON.parse(readFileSync(process.env.BENCH_SPEC_JSON, "utf8")),
  strict: false,
  quick: true, // the contract is judged elsewhere
  handlers: {
    validationFail: (context, request, response) =>
      send(response, 400, {
        status_code: 400,
        error: "Bad Request",
        detail: { violations: context.validation.errors },
      }),
    notFound: (context, request, response) => send(response, 404, { status_code: 404 }),
    postResponseHandler: (context, request, response) => {
      if (response.writableEnded) return; // refused already
      const judged = context.api.validateResponse(context.response, context.operation, 200);
      if (judged.errors) send(response, 500, { status_code: 500, detail: judged.errors });
      else send(response, 200, context.response);
    },
  },
});
for (const [operationId, answer] of Object.entries(answers)) api.register(operationId, () => answer);
api.registerSecurityHandler("apiKey", (context) => Boolean(context.request.headers.authorization));
await api.init();

createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const [path, query] = request.url.split("?");
    const body = chunks.length ? Buffer.concat(chunks).toString() : undefined;
    api
      .handleRequest({ method: request.method, path, query, headers: request.headers, body }, request, response)
      .catch((wrong) => send(response, 500, { status_code: 500, detail: String(wrong) }));
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
