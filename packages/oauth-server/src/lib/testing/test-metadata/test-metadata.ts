import { documentCases } from './document-cases.js'
import { endpointCases } from './endpoint-cases.js'
import { flowCases } from './flow-cases.js'
import { createWalk } from './walk.js'

/** Settings of {@link testMetadata}. */
export interface TestMetadataOptions {
  /** The issuer under test. */
  readonly issuer: string
  /** A resource that it issues tokens for. */
  readonly resource: string
  /** A redirect URI that it lets clients register; nothing needs to listen there. */
  readonly redirectUri: string
  /** Sends requests; the global `fetch` unless told. */
  readonly fetch?: (input: string, init: RequestInit) => Promise<Response>
  /** Who signs in, where the login is a form with one text field. */
  readonly userName?: string
  /** A resource server that may introspect tokens for `resource`; without it introspection is only looked at. */
  readonly resourceServer?: { readonly clientId: string; readonly clientSecret: string }
  /** Publishes a client metadata document and returns its address; it is given the address it will have by `url`. */
  readonly publish?: (document: (url: string) => unknown) => string | Promise<string>
}

/** One promise of the metadata. */
export interface MetadataCase {
  /** The behaviour, to be the title of a test. */
  readonly name: string
  /** Rejects when the promise is not kept. */
  run(): Promise<void>
}

/**
 * Uses everything that an authorization server's metadata advertises: each endpoint, grant, method, algorithm, scope,
 * prompt and resource; a member that no case uses fails. It registers clients and signs a user in with forms, so point it at a server
 * for tests. It knows no test runner: each case is a name and a function.
 *
 * @see RFC 8414
 * @example
 * ```ts
 * for (const { name, run } of testMetadata({ issuer, resource, redirectUri: 'http://127.0.0.1/cb' })) test(name, run)
 * ```
 */
export function testMetadata(options: TestMetadataOptions): MetadataCase[] {
  const walk = createWalk(options)
  const cases = { ...documentCases(options, walk), ...endpointCases(options, walk), ...flowCases(options, walk) }
  return Object.entries(cases).map(([name, run]) => ({ name, run }))
}
