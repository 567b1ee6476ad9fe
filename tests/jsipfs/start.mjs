// A js-ipfs node in a folder, secluded: `node start.mjs <folder>` prints the address of its RPC, and ends with its input.
Promise.withResolvers ??= function () {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};

const { Daemon } = await import("ipfs-daemon");
const daemon = new Daemon({
  repo: process.argv[2],
  silent: true,
  config: {
    Addresses: { Swarm: [], API: "/ip4/127.0.0.1/tcp/0", Gateway: "/ip4/127.0.0.1/tcp/0" },
    Bootstrap: [],
    Discovery: { MDNS: { Enabled: false }, webRTCStar: { Enabled: false } },
    Routing: { Type: "none" },
  },
});
await daemon.start();
console.log(daemon._httpApi._apiServers[0].info.uri);
process.stdin.resume().on("end", () => process.exit(0));
