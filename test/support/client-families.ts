/**
 * What the mining programs of docs/protocol.md, sections 2, 4 and 5, say, and what they must hear, line by line. `>` goes to the pool,
 * `<` comes from it, `!` is something that happens at the node. In braces: WALLET (without 0x); HEADER, SEED (hex without 0x),
 * TARGET; JOB (the job's short name); NONCE and MIX of a fresh proof of work for the header; TAIL, the same without the extranonce;
 * SCALED, the difficulty on EthereumStratum/1's scale; and SESSION and EXTRANONCE, which the first line that has them teaches.
 */
export interface ClientFamily {
  readonly program: string;
  /** The worker that the share must be credited to. */
  readonly worker: string;
  readonly transcript: readonly string[];
}

const GIVEN = '["0x{HEADER}","0x{SEED}","0x{TARGET}"]';
const PUSHED = `< {"id":0,"jsonrpc":"2.0","result":${GIVEN}}`;
const SHARE = '"params":["0x{NONCE}","0x{HEADER}","0x{MIX}"]';
const granted = (id: number) => `< {"id":${id},"jsonrpc":"2.0","result":true}`;
const work = (id: number) => `< {"id":${id},"jsonrpc":"2.0","result":${GIVEN}}`;

export const CLIENT_FAMILIES: readonly ClientFamily[] = [
  {
    program: "ethminer stratum1+tcp",
    worker: "ethminer-rig",
    transcript: [
      '> {"id":1,"method":"eth_submitLogin","params":["0x{WALLET}","x"],"worker":"ethminer-rig"}',
      granted(1),
      PUSHED,
      '> {"id":5,"method":"eth_getWork","params":[]}',
      work(5),
      `> {"id":40,"method":"eth_submitWork",${SHARE},"worker":"ethminer-rig"}`,
      granted(40),
      '> {"id":9,"jsonrpc":"2.0","method":"eth_submitHashrate","params":["0x00000000000000000000000001312d00","0x1"],"worker":"ethminer-rig"}',
      granted(9),
    ],
  },
  {
    program: "ethminer stratum2+tcp (EthereumStratum/1.0.0)",
    worker: "nicehash",
    transcript: [
      '> {"id":1,"method":"mining.subscribe","params":["ethminer/0.19.0","EthereumStratum/1.0.0"]}',
      '< {"id":1,"result":[["mining.notify","{SESSION}","EthereumStratum/1.0.0"],"{EXTRANONCE}"],"error":null}',
      '> {"id":2,"method":"mining.extranonce.subscribe","params":[]}',
      '< {"id":2,"result":true,"error":null}',
      '> {"id":3,"method":"mining.authorize","params":["0x{WALLET}.nicehash","x"]}',
      '< {"id":3,"result":true,"error":null}',
      '< {"id":null,"method":"mining.set_difficulty","params":[{SCALED}]}',
      '< {"id":null,"method":"mining.notify","params":["{JOB}","{SEED}","{HEADER}",true]}',
      '> {"id":40,"method":"mining.submit","params":["0x{WALLET}.nicehash","{JOB}","{TAIL}"]}',
      '< {"id":40,"result":true,"error":null}',
      '> {"id":9,"jsonrpc":"2.0","method":"eth_submitHashrate","params":["0x0000000000000000000000000000000000000000000000000000000001312d00","0x1"]}',
      '< {"id":9,"result":true,"error":null}',
      '> {"id":41,"method":"mining.submit","params":["0x{WALLET}.nicehash","{JOB}","00"]}',
      '< {"id":41,"result":null,"error":[20,"Malformed PoW result",null]}',
    ],
  },
  {
    program: "ethminer stratum3+tcp (EthereumStratum/2.0.0)",
    worker: "es2-rig",
    transcript: [
      '> {"id":1,"method":"mining.hello","params":{"agent":"ethminer/0.19.0","host":"127.0.0.1","port":"1f48","proto":"EthereumStratum/2.0.0"}}',
      '< {"id":1,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"0","timeout":"78","maxerrors":"20","node":"edgepool"}}',
      '> {"id":2,"method":"mining.subscribe"}',
      '< {"id":2,"result":"s-{SESSION}"}',
      '> {"id":3,"method":"mining.authorize","params":["0x{WALLET}.es2-rig","x"]}',
      '< {"id":3,"result":"es2-rig"}',
      '< {"method":"mining.set","params":{"epoch":"0","target":"{TARGET}","algo":"ethash","extranonce":"{EXTRANONCE}"}}',
      '< {"method":"mining.notify","params":["{JOB}","{HEIGHT}","{HEADER}","0"]}',
      '> {"id":40,"method":"mining.submit","params":["{JOB}","{TAIL}","es2-rig"]}',
      '< {"id":40}',
      '> {"id":9,"method":"mining.hashrate","params":["1312d00","es2-rig"]}',
      '< {"id":9}',
    ],
  },
  {
    program: "ethminer stratum+tcp (plain stratum)",
    worker: "plain",
    transcript: [
      '> {"id":1,"jsonrpc":"2.0","method":"mining.subscribe","params":[]}',
      '< {"id":1,"result":[["mining.notify","{SESSION}"],""],"error":null}',
      '> {"id":3,"jsonrpc":"2.0","method":"mining.authorize","params":["0x{WALLET}.plain","x"]}',
      '< {"id":3,"result":true,"error":null}',
      '< {"id":null,"method":"mining.notify","params":["{JOB}","0x{HEADER}","0x{SEED}","0x{TARGET}",true]}',
      '> {"id":40,"jsonrpc":"2.0","method":"mining.submit","params":["0x{WALLET}.plain","{JOB}","0x{NONCE}","0x{HEADER}","0x{MIX}"]}',
      '< {"id":40,"result":true,"error":null}',
    ],
  },
  {
    program: "T-Rex",
    worker: "trex",
    transcript: [
      '> {"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","worker":"trex","params":["0x{WALLET}","x"]}',
      granted(1),
      PUSHED,
      '> {"id":5,"jsonrpc":"2.0","method":"eth_getWork","params":[]}',
      work(5),
      `> {"id":6,"jsonrpc":"2.0","method":"eth_submitWork","worker":"trex",${SHARE}}`,
      granted(6),
    ],
  },
  {
    program: "Claymore",
    worker: "rig2",
    transcript: [
      '> {"worker":"eth1.0","jsonrpc":"2.0","params":["0x{WALLET}.rig2","x"],"id":2,"method":"eth_submitLogin"}',
      granted(2),
      PUSHED,
      '> {"worker":"","jsonrpc":"2.0","params":[],"id":3,"method":"eth_getWork"}',
      work(3),
      `> {"id":4,"worker":"","jsonrpc":"2.0","method":"eth_submitWork",${SHARE}}`,
      granted(4),
      '> {"id":6,"worker":"","jsonrpc":"2.0","method":"eth_submitHashrate","params":["0x1312d00","0x2"]}',
      granted(6),
    ],
  },
  {
    program: "Phoenix",
    worker: "phoenix",
    transcript: [
      '> {"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","worker":"eth1.0","params":["0x{WALLET}.phoenix","x"]}',
      granted(1),
      PUSHED,
      '> {"id":5,"jsonrpc":"2.0","method":"eth_getWork","params":[]}',
      work(5),
      `> {"id":40,"jsonrpc":"2.0","method":"eth_submitWork","worker":"eth1.0",${SHARE}}`,
      granted(40),
    ],
  },
  {
    program: "lolMiner ETHPROXY",
    worker: "lol",
    transcript: [
      '> {"id":1,"jsonrpc":"2.0","worker":"lol","method":"eth_submitLogin","params":["0x{WALLET}.lol","x"]}',
      granted(1),
      PUSHED,
      '> {"id":2,"jsonrpc":"2.0","method":"eth_getWork","params":[]}',
      work(2),
      `> {"id":10,"jsonrpc":"2.0","worker":"lol","method":"eth_submitWork",${SHARE}}`,
      granted(10),
    ],
  },
  {
    program: "lolMiner, which subscribes plainly and then logs in by eth-proxy",
    worker: "lol-late",
    transcript: [
      '> {"id":1,"method":"mining.subscribe","params":[]}',
      '< {"id":1,"result":[["mining.notify","{SESSION}"],""],"error":null}',
      '> {"id":2,"method":"eth_submitLogin","params":["0x{WALLET}.lol-late","x"]}',
      granted(2),
      PUSHED,
      `> {"id":10,"jsonrpc":"2.0","method":"eth_submitWork",${SHARE}}`,
      granted(10),
    ],
  },
  {
    program: "lolMiner ETHV1",
    worker: "lolv1",
    transcript: [
      '> {"id":1,"method":"mining.subscribe","params":["lolMiner 1.88","EthereumStratum/1.0.0"]}',
      '< {"id":1,"result":[["mining.notify","{SESSION}","EthereumStratum/1.0.0"],"{EXTRANONCE}"],"error":null}',
      '> {"id":2,"method":"mining.authorize","params":["0x{WALLET}.lolv1","x"]}',
      '< {"id":2,"result":true,"error":null}',
      '< {"id":null,"method":"mining.set_difficulty","params":[{SCALED}]}',
      '< {"id":null,"method":"mining.notify","params":["{JOB}","{SEED}","{HEADER}",true]}',
      '> {"id":10,"method":"mining.submit","params":["0x{WALLET}.lolv1","{JOB}","{TAIL}"]}',
      '< {"id":10,"result":true,"error":null}',
    ],
  },
  {
    program: "eth-proxy",
    worker: "0",
    transcript: [
      '> {"id":1,"jsonrpc":"2.0","worker":"Proxy_0.0.5","method":"eth_submitLogin","params":["0x{WALLET}","miner@example.org"]}',
      granted(1),
      PUSHED,
      '> {"id":2,"jsonrpc":"2.0","method":"eth_getWork","params":[]}',
      work(2),
      `> {"id":3,"jsonrpc":"2.0","worker":"Proxy_0.0.5","method":"eth_submitWork",${SHARE}}`,
      granted(3),
      '> {"id":4,"jsonrpc":"2.0","method":"eth_getWork","params":[]}',
      work(4),
    ],
  },
  {
    program: "Jasminer",
    worker: "jasminer",
    transcript: [
      '> {"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["{WALLET}.jasminer","x"]}',
      granted(1),
      PUSHED,
      '> {"id":0,"jsonrpc":"2.0","method":"eth_getwork","params":[]}',
      work(0),
      `> {"id":4,"jsonrpc":"2.0","method":"eth_submitwork",${SHARE}}`,
      granted(4),
    ],
  },
  {
    program: "AntMiner E3, which lives on pushes",
    worker: "e3",
    transcript: [
      '> {"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0x{WALLET}.e3","123"]}',
      granted(1),
      PUSHED,
      "! recommit",
      PUSHED,
      `> {"id":2,"jsonrpc":"2.0","method":"eth_submitWork",${SHARE}}`,
      granted(2),
    ],
  },
  {
    program: "TeamRedMiner, which leaves after five rejects: a stale share is not an error",
    worker: "trm",
    transcript: [
      '> {"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0x{WALLET}","x"],"worker":"trm"}',
      granted(1),
      PUSHED,
      '> {"id":2,"jsonrpc":"2.0","method":"eth_getWork","params":[]}',
      work(2),
      '> {"id":3,"jsonrpc":"2.0","method":"eth_submitWork","params":["0x{NONCE}","0x{UNKNOWN}","0x{MIX}"],"worker":"trm"}',
      '< {"id":3,"jsonrpc":"2.0","result":false}',
      `> {"id":4,"jsonrpc":"2.0","method":"eth_submitWork",${SHARE},"worker":"trm"}`,
      granted(4),
      `> {"id":"as-a-string","jsonrpc":"2.0","method":"eth_submitWork",${SHARE},"worker":"trm"}`,
      '< {"id":"as-a-string","jsonrpc":"2.0","result":true}',
    ],
  },
];
