/** A path that a piece answers, or a path with all that are below it. */
export interface ServedPath {
  /** The host as browsers write it: in lower case, with its port unless that is the default. */
  readonly host: string
  /** The path, such as `/token`. */
  readonly path: string
  /** `exact` is this path alone, also with a slash at its end; `prefix` is this path and everything below it. */
  readonly match: 'exact' | 'prefix'
}

/** A path that a gateway answers. */
export interface GatewayPath extends ServedPath {
  /**
   * What for: an MCP server, resource metadata, a health check, an endpoint of the authorization server, a page of the vault, or
   * one of `routes`.
   */
  readonly kind: 'server' | 'metadata' | 'health' | 'authority' | 'vault' | 'route'
}
