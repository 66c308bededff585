import type { Routes } from "../app.ts";
import { adminRoutes } from "./admin.ts";
import { apiRoutes } from "./api.ts";
import { healthRoutes } from "./health.ts";
import { notifyRoutes } from "./notify.ts";
import { redisRoutes } from "./redis.ts";
import { settingsRoutes } from "./settings.ts";

/** All but what miners use. */
export const pageRoutes: readonly Routes[] = [
  healthRoutes,
  adminRoutes,
  notifyRoutes,
  settingsRoutes,
  apiRoutes,
  redisRoutes,
];
