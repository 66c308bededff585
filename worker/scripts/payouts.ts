/** What moves money, with the only script that knows its key: seldom deployed. */
import { nobody } from "../nobody.ts";

export { Payer } from "../../durable-objects/payer.ts";
export { Unlocker } from "../../durable-objects/unlocker.ts";

export default nobody;
