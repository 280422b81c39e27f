/** Settings of `testMetadata`. */
export interface TestMetadataOptions {
  /** The issuer under test. */
  readonly issuer: string
  /** A resource that it issues tokens for. */
  readonly resource: string
  /** A redirect URI that it lets clients register; nothing needs to listen there. */
  readonly redirectUri: string
  /** Sends requests; the global `fetch` by default. */
  readonly fetch?: (input: string, init: RequestInit) => Promise<Response>
  /** Who signs in, where the login is a form with one text field. */
  readonly userName?: string
  /** A resource server that may introspect tokens for `resource`; without it introspection is only looked at. */
  readonly resourceServer?: { readonly clientId: string; readonly clientSecret: string }
  /** Publishes a client metadata document and returns its address; it is given the address it will have by `url`. */
  readonly publish?: (document: (url: string) => unknown) => string | Promise<string>
}
