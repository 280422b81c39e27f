import { documentCases } from './document-cases.js'
import { endpointCases } from './endpoint-cases.js'
import { flowCases } from './flow-cases.js'
import type { TestMetadataOptions } from './test-metadata-options.js'
import { createWalk } from './walk.js'

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
