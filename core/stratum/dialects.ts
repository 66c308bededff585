import type { Job } from "../work/job.ts";
import type { DialectName } from "./messages.ts";
import { REJECTIONS, type RejectReason } from "./rejections.ts";
import { scaledDifficulty, shareTarget } from "./share-target.ts";

/** Everything that a notification of work needs. */
interface JobNotice {
  readonly job: Job;
  /** What a share on this job is worth, in hashes. */
  readonly difficulty: bigint;
  /** Hex without `0x`, empty where the dialect has none. */
  readonly extranonce: string;
  /** Size epoch of the job's height. */
  readonly epoch: number;
  /** What the peer was told last. */
  readonly told: ToldValues;
}

/** Values that a dialect sends once and that hold from the next job on; null where nothing was said yet. */
export interface ToldValues {
  /** In hashes. */
  readonly difficulty: bigint | null;
  readonly epoch: number | null;
  readonly extranonce: string | null;
}

export const NOTHING_TOLD: ToldValues = { difficulty: null, epoch: null, extranonce: null };

/** How a session writes. Lines have no line end yet; ids are JSON text. */
export interface Dialect {
  readonly name: DialectName;
  /** Whether nonces begin with an extranonce of the pool's, and the pool computes the mix digest. */
  readonly extranonce: boolean;
  /** A granted request; `result` is JSON text. */
  result(id: string, result: string): string;
  /** A granted request that has nothing to say but yes. */
  granted(id: string): string;
  rejection(id: string, reason: RejectReason): string;
  /** Lines that announce a job, the job last. */
  job(notice: JobNotice): readonly string[];
}

/** Name of a job in the dialects that do not name it by its header: 16 hex digits of the header, unique in a backlog. */
export function jobId(header: string): string {
  return header.slice(2, 18);
}

/** `[header, seed, target]` as eth_getWork answers it. */
export function workTriple(job: Job, difficulty: bigint): string {
  return `["${job.header}","${job.seed}","${shareTarget(difficulty)}"]`;
}

/** What the reference answers to `eth_getBlockByNumber`: number and difficulty of the pending block, in hex. */
export function pendingBlock(job: Job): string {
  return `{"number":"0x${job.height.toString(16)}","difficulty":"0x${job.networkDifficulty.toString(16)}"}`;
}

const ethProxy: Dialect = {
  name: "ethProxy",
  extranonce: false,
  result: (id, result) => `{"id":${id},"jsonrpc":"2.0","result":${result}}`,
  granted: (id) => `{"id":${id},"jsonrpc":"2.0","result":true}`,
  rejection(id, reason) {
    const { code, message } = REJECTIONS[reason];
    return code === null
      ? `{"id":${id},"jsonrpc":"2.0","result":false}`
      : `{"id":${id},"jsonrpc":"2.0","result":null,"error":{"code":${code},"message":"${message}"}}`;
  },
  job: ({ job, difficulty }) => [`{"id":0,"jsonrpc":"2.0","result":${workTriple(job, difficulty)}}`],
};

const classicResult: Dialect["result"] = (id, result) => `{"id":${id},"result":${result},"error":null}`;

const classicGranted: Dialect["granted"] = (id) => `{"id":${id},"result":true,"error":null}`;

const classicRejection: Dialect["rejection"] = (id, reason) => {
  const { stratumCode, message } = REJECTIONS[reason];
  return `{"id":${id},"result":null,"error":[${stratumCode},"${message}",null]}`;
};

/** NiceHash's EthereumStratum/1.0.0 (docs/protocol.md, section 4). */
const es1: Dialect = {
  name: "es1",
  extranonce: true,
  result: classicResult,
  granted: classicGranted,
  rejection: classicRejection,
  job({ job, difficulty, extranonce, told }) {
    const notify = `{"id":null,"method":"mining.notify","params":["${jobId(job.header)}","${job.seed.slice(2)}","${job.header.slice(2)}",true]}`;
    const lines = [notify];
    if (told.difficulty !== difficulty) {
      lines.unshift(`{"id":null,"method":"mining.set_difficulty","params":[${scaledDifficulty(difficulty)}]}`);
    }
    if (told.extranonce !== extranonce) {
      lines.unshift(`{"id":null,"method":"mining.set_extranonce","params":["${extranonce}"]}`);
    }
    return lines;
  },
};

/** The stratum that ethminer calls `stratum+tcp`: whole nonce and mix digest in the submit, header before seed. */
const stratum: Dialect = {
  name: "stratum",
  extranonce: false,
  result: classicResult,
  granted: classicGranted,
  rejection: classicRejection,
  job: ({ job, difficulty }) => [
    `{"id":null,"method":"mining.notify","params":["${jobId(job.header)}","${job.header}","${job.seed}","${shareTarget(difficulty)}",true]}`,
  ],
};

/** EthereumStratum/2.0.0 (EIP-1571): no `jsonrpc`, notifications without id, numbers in hex, only changed values are set. */
const es2: Dialect = {
  name: "es2",
  extranonce: true,
  result: (id, result) => `{"id":${id},"result":${result}}`,
  // EIP-1571, "Responses": no result member where there is no data.
  granted: (id) => `{"id":${id}}`,
  rejection(id, reason) {
    const { es2Code, message } = REJECTIONS[reason];
    return `{"id":${id},"error":{"code":${es2Code},"message":"${message}"}}`;
  },
  job({ job, difficulty, extranonce, epoch, told }) {
    const values: string[] = [];
    if (told.epoch !== epoch) values.push(`"epoch":"${epoch.toString(16)}"`);
    if (told.difficulty !== difficulty) values.push(`"target":"${shareTarget(difficulty).slice(2)}"`);
    if (told.epoch === null) values.push('"algo":"ethash"');
    if (told.extranonce !== extranonce) values.push(`"extranonce":"${extranonce}"`);
    const notify = `{"method":"mining.notify","params":["${jobId(job.header)}","${job.height.toString(16)}","${job.header.slice(2)}","0"]}`;
    return values.length === 0 ? [notify] : [`{"method":"mining.set","params":{${values.join(",")}}}`, notify];
  },
};

/** How a session reads and writes is chosen by its first lines, and fixed by its login. */
export const DIALECTS: Readonly<Record<DialectName, Dialect>> = { ethProxy, es1, es2, stratum };
