import { waitUntil } from "cloudflare:workers";

const nothing = () => undefined;

/**
 * A call to the verifiers that keeps the Worker's event alive until it is answered. Nothing else does once the client has gone, and then whatever
 * waits for the answer ends without a `finally`: a share would keep its place in the isolate's room for as long as one that is lost.
 */
export function heldUntilJudged<Arguments extends readonly unknown[], Answer>(
  ask: (...given: Arguments) => Promise<Answer>,
): (...given: Arguments) => Promise<Answer> {
  return async (...given) => {
    const answer = ask(...given);
    waitUntil(answer.then(nothing, nothing));
    return await answer;
  };
}
