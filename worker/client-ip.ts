/** Client address. `CF-Connecting-IP` only: Cloudflare sets it, while X-Forwarded-For is whatever the client likes. */
export function clientIp(request: Request): string {
  return request.headers.get("cf-connecting-ip") ?? "0.0.0.0";
}
