// websocket_client.mjs URL: what the npm package `ws` sees of the subject. Prints a TAP line a test.
import { createRequire } from "node:module";
import assert from "node:assert";
import { randomBytes } from "node:crypto";

const require = createRequire(process.argv[3] + "/");
const WebSocket = require("ws");
const url = process.argv[2];

function opened(options) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, options);
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
}

function next(socket, event) {
  return new Promise((resolve) => socket.once(event, (...values) => resolve(values)));
}

async function echoed(socket, message, options) {
  socket.send(message, options ?? {});
  const [data, isBinary] = await next(socket, "message");
  return isBinary ? data : data.toString();
}

const tests = {
  async messages_of_all_sizes_come_back() {
    const socket = await opened();
    for (const size of [0, 1, 125, 126, 127, 65535, 65536, 16384, 100000, 1 << 20]) {
      const data = randomBytes(size);
      assert.ok(data.equals(await echoed(socket, data)), `size ${size}`);
      const text = "é".repeat(size / 2);
      assert.strictEqual(await echoed(socket, text), text);
    }
    socket.close();
    await next(socket, "close");
  },
  async many_messages_at_once_come_back_in_order() {
    const socket = await opened();
    let seen = 0;
    const all = new Promise((resolve) => socket.on("message", (data) => {
      assert.strictEqual(data.toString(), `message ${seen}`);
      if (++seen === 2000) resolve();
    }));
    for (let i = 0; i < 2000; i++) socket.send(`message ${i}`);
    await all;
    socket.terminate();
  },
  async fragments_are_one_message() {
    const socket = await opened();
    socket.send("one ", { fin: false });
    socket.ping();
    socket.send("two ", { fin: false });
    const message = next(socket, "message");
    socket.send("three", { fin: true });
    assert.strictEqual((await message)[0].toString(), "one two three");
    socket.terminate();
  },
  async a_ping_is_answered() {
    const socket = await opened();
    const pong = next(socket, "pong");
    socket.ping("are you there");
    assert.strictEqual((await pong)[0].toString(), "are you there");
    socket.terminate();
  },
  async goodbyes_are_answered_from_both_sides() {
    const first = await opened();
    first.close(3001, "enough");
    assert.strictEqual((await next(first, "close"))[0], 3001);
    const second = await opened();
    second.send("bye");
    assert.strictEqual((await next(second, "close"))[0], 1000);
  },
  async a_message_that_is_too_large_ends_it() {
    const socket = await opened();
    socket.send(Buffer.alloc((1 << 20) + 1));
    assert.strictEqual((await next(socket, "close"))[0], 1009);
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
