import { bundlePool } from "../../../devnet/pool-host/worker-bundle.ts";

/** Before the first file: several that begin at once would each bundle the same Worker. */
export default async function setup(): Promise<void> {
  await bundlePool();
}
