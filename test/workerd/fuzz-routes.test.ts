import { expect, it } from "vitest";
import { poolApp } from "../../worker/app.ts";
import { pageRoutes } from "../../worker/routes/page.ts";
import { stratumRoutes } from "../../worker/routes/stratum.ts";
import { FUZZ_ROUTES } from "../support/fuzz-routes.ts";

it("every route of the pool is one that random input is sent to, and there are no others", () => {
  const { routes } = poolApp([...pageRoutes, stratumRoutes]);
  const patterns = new Set(routes.map(({ path }) => path.replace(/^\*$/, "/*")));
  expect([...patterns].toSorted()).toEqual(Object.keys(FUZZ_ROUTES).toSorted());
});
