declare module "proxy-from-env" {
  /** The proxy that the environment names for this URL, or an empty text. */
  export function getProxyForUrl(url: string): string;
}
