import { CALLS_VERSION, OLDER_PART } from "../../core/deploy/calls-version.ts";
import { hintOf, jurisdictionOf } from "../../core/home.ts";
import type { PoolConfig } from "../../core/pool-config.ts";
import type { Env } from "../env.ts";
import type { PartRpc } from "../rpc.ts";
import { loadConfig } from "./config.ts";

type Home = Pick<PoolConfig, "home">;

/**
 * A part of which there is one, or a few: whoever calls it first decides where it lives for ever, and `home` says where that is.
 * Cron runs anywhere, so that every call goes through here (`test/core/home.test.ts`).
 */
export function atHome<Calls extends Rpc.DurableObjectBranded>(
  env: Env,
  objects: DurableObjectNamespace<Calls>,
  name: string,
): DurableObjectStub<Calls> {
  return placed(loadConfig(env), objects, name);
}

/** {@link atHome}, for whoever has a configuration of its own. */
export function placed<Calls extends Rpc.DurableObjectBranded>(
  { home }: Home,
  objects: DurableObjectNamespace<Calls>,
  name: string,
): DurableObjectStub<Calls> {
  const hint = hintOf(home);
  return versioned(
    within(objects, home).getByName(name, hint === null ? undefined : { locationHint: hint }),
    `${name} of this class`,
  );
}

/** An object of a login. It lives where its miner is, but within the jurisdiction where `home` is one. */
export function ofLogin<Calls extends Rpc.DurableObjectBranded>(
  env: Env,
  objects: DurableObjectNamespace<Calls>,
  login: string,
): DurableObjectStub<Calls> {
  return versioned(within(objects, loadConfig(env).home).getByName(login), `the object of ${login}`);
}

/** Id of an object by its name, as {@link atHome} and {@link ofLogin} find it: a name has another one in each jurisdiction. */
export function idAtHome<Calls extends Rpc.DurableObjectBranded>(
  env: Env,
  objects: DurableObjectNamespace<Calls>,
  name: string,
): DurableObjectId {
  return idsAtHome(env, objects)(name);
}

/** {@link idAtHome}, for whoever compares many names. */
export function idsAtHome<Calls extends Rpc.DurableObjectBranded>(
  env: Env,
  objects: DurableObjectNamespace<Calls>,
): (name: string) => DurableObjectId {
  const there = within(objects, loadConfig(env).home);
  return (name) => there.idFromName(name);
}

/** What workerd says where it has no jurisdictions. Any other refusal is Cloudflare's, and to go on without would begin other books. */
const NO_JURISDICTIONS = /not (?:yet )?(?:implemented|supported) in workerd/i;

function within<Calls extends Rpc.DurableObjectBranded>(
  objects: DurableObjectNamespace<Calls>,
  home: PoolConfig["home"],
): DurableObjectNamespace<Calls> {
  const jurisdiction = jurisdictionOf(home);
  if (jurisdiction === null) return objects;
  try {
    return objects.jurisdiction(jurisdiction);
  } catch (error) {
    if (error instanceof Error && NO_JURISDICTIONS.test(error.message)) return objects;
    throw error;
  }
}

/** Members of a stub that are no call of the pool's. */
const OWN_MEMBERS = new Set<PropertyKey>(["fetch", "connect", "id", "name", "then"]);
const SERVE: keyof PartRpc = "serve";
/** What the runtime says of an object of a version without {@link PartRpc.serve}. */
const NO_SUCH_CALL = /does not implement the method/;

/** A stub whose every call says of which version of the pool's calls it is: {@link PartRpc.serve} takes it, or refuses it by name. */
function versioned<Calls extends Rpc.DurableObjectBranded>(
  stub: DurableObjectStub<Calls>,
  part: string,
): DurableObjectStub<Calls> {
  return new Proxy(stub, {
    get(target, member) {
      if (typeof member === "symbol" || OWN_MEMBERS.has(member)) {
        const own: unknown = Reflect.get(target, member, target);
        return typeof own === "function" ? own.bind(target) : own;
      }
      return async (...parameters: readonly unknown[]) => {
        try {
          // Every class has it beside its own calls; the type of a stub of any class cannot say so.
          const serve: unknown = Reflect.get(target, SERVE, target);
          if (typeof serve !== "function") throw new TypeError("a stub without calls");
          return released(await Reflect.apply(serve, target, [CALLS_VERSION, member, parameters]));
        } catch (error) {
          if (error instanceof Error && NO_SUCH_CALL.test(error.message))
            throw new Error(`${part} ${OLDER_PART}`, { cause: error });
          throw error;
        }
      };
    },
  });
}

/**
 * What calls of the pool's answer is plain data, but the runtime gives each object that it hands out a member by which to dispose of it
 * (`Symbol.dispose`). Until then, or a collection of the heap, it keeps the call; and who hands such an object on (a relay its root's work) has
 * it taken for one that holds resources.
 */
function released(answer: unknown): unknown {
  if (typeof answer !== "object" || answer === null) return answer;
  // Plain data has no members by symbol of its own.
  for (const member of Object.getOwnPropertySymbols(answer)) {
    const dispose: unknown = Reflect.get(answer, member);
    if (typeof dispose === "function") Reflect.apply(dispose, answer, []);
    Reflect.deleteProperty(answer, member);
  }
  return answer;
}
