// grpc_client.mjs ADDRESS: what @grpc/grpc-js sees of the subject. Prints a TAP line a test.
import { createRequire } from "node:module";
import assert from "node:assert";
import { randomBytes } from "node:crypto";

const require = createRequire(process.argv[3] + "/");
const grpc = require("@grpc/grpc-js");

const same = (data) => data;
const method = (name) => ({
  path: `/test.Echo/${name}`, requestStream: false, responseStream: false,
  requestSerialize: same, requestDeserialize: same, responseSerialize: same,
  responseDeserialize: same,
});
const Echo = grpc.makeGenericClientConstructor(
  { say: method("Say"), fail: method("Fail"), wait: method("Wait"), none: method("None"),
    posted: method("Posted"),
    store: method("Store") }, "Echo");

function connect(options = {}) {
  return new Echo(process.argv[2], grpc.credentials.createInsecure(), options);
}

function call(client, name, message, options = {}) {
  return new Promise((resolve, reject) => client[name](message, new grpc.Metadata(), options,
    (error, answer) => error ? reject(error) : resolve(answer)));
}

async function fails(promise, code) {
  try {
    await promise;
  } catch (error) {
    assert.strictEqual(error.code, code, String(error));
    return error;
  }
  throw new Error("it did not fail");
}

const tests = {
  async messages_of_all_sizes_come_back() {
    const client = connect({ "grpc.max_receive_message_length": -1 });
    for (const size of [0, 1, 1024, 16384, 100000, 1000000]) {
      const data = randomBytes(size);
      assert.ok(data.equals(await call(client, "say", data)), `size ${size}`);
    }
    client.close();
  },
  async many_calls_at_once() {
    const client = connect();
    const calls = [];
    for (let i = 0; i < 500; i++) calls.push(call(client, "say", Buffer.from(`call ${i}`)));
    (await Promise.all(calls)).forEach((answer, i) =>
      assert.strictEqual(answer.toString(), `call ${i}`));
    client.close();
  },
  async another_thread_answers() {
    const client = connect();
    const calls = [];
    for (let i = 0; i < 90; i++) calls.push(call(client, "posted", Buffer.from(`call ${i}`)));
    (await Promise.all(calls)).forEach((answer, i) =>
      assert.strictEqual(answer.toString(), `call ${i}`));
    client.close();
  },
  async messages_are_stored_or_refused_with_a_time() {
    for (const algorithm of [0, 2]) {
      const client = connect({ "grpc.default_compression_algorithm": algorithm });
      const text = Buffer.from(Array.from({ length: 9000 }, (_, i) => `line ${i}`).join(" "));
      assert.ok(text.equals(await call(client, "store", text)));
      const metadata = new grpc.Metadata();
      metadata.set("x-refuse", "yes");
      const error = await fails(new Promise((resolve, reject) => client.store(text, metadata,
        (failure, answer) => failure ? reject(failure) : resolve(answer))), grpc.status.UNAVAILABLE);
      assert.strictEqual(error.details, "full");
      const url = "type.googleapis.com/google.rpc.RetryInfo";
      assert.deepStrictEqual(error.metadata.get("grpc-status-details-bin"), [Buffer.concat([
        Buffer.from([8, 14, 18, 4]), Buffer.from("full"), Buffer.from([26, 4 + url.length + 6,
          10, url.length]), Buffer.from(url), Buffer.from([18, 6, 10, 4, 8, 7, 16, 5])])]);
      client.close();
    }
  },
  async compressed_messages_are_read() {
    for (const algorithm of [1, 2]) { // deflate, gzip
      const client = connect({ "grpc.default_compression_algorithm": algorithm });
      const text = Buffer.from(Array.from({ length: 5000 }, (_, i) => `line ${i}`).join("\n"));
      assert.ok(text.equals(await call(client, "say", text)), `algorithm ${algorithm}`);
      client.close();
    }
  },
  async a_status_comes_with_text_and_details() {
    const client = connect();
    const error = await fails(call(client, "fail", Buffer.from("x")),
      grpc.status.FAILED_PRECONDITION);
    assert.strictEqual(error.details, "not yet: 50% ü");
    assert.deepStrictEqual(error.metadata.get("grpc-status-details-bin"), [Buffer.from([8, 9])]);
    client.close();
  },
  async an_unknown_method_is_unimplemented() {
    const client = connect();
    await fails(call(client, "none", Buffer.from("x")), grpc.status.UNIMPLEMENTED);
    client.close();
  },
  async a_message_beyond_the_limit_is_refused() {
    const client = connect();
    await fails(call(client, "say", Buffer.alloc(2 << 20)), grpc.status.RESOURCE_EXHAUSTED);
    const bomb = connect({ "grpc.default_compression_algorithm": 2 });
    await fails(call(bomb, "say", Buffer.alloc(64 << 20)), grpc.status.RESOURCE_EXHAUSTED);
    client.close();
    bomb.close();
  },
  async a_deadline_ends_the_handler() {
    const client = connect();
    await fails(call(client, "wait", Buffer.from("x"), { deadline: Date.now() + 300 }),
      grpc.status.DEADLINE_EXCEEDED);
    client.close();
  },
  async a_cancelled_call_ends_the_handler() {
    const client = connect();
    await new Promise((resolve, reject) => {
      const running = client.wait(Buffer.from("x"), new grpc.Metadata(), (error) =>
        error?.code === grpc.status.CANCELLED ? resolve() : reject(error));
      setTimeout(() => running.cancel(), 100);
    });
    client.close();
  },
};

const names = Object.keys(tests);
console.log(`1..${names.length}`);
let failed = 0;
for (const [place, name] of names.entries()) {
  try {
    await tests[name]();
    console.log(`ok ${place + 1} - ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${place + 1} - ${name}\n# ${String(error.stack).replaceAll("\n", "\n# ")}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
