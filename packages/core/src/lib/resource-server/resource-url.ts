import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { text } from '../contract/option-types.js'

/**
 * Checks a resource identifier that an operator configured and returns it as it was written.
 *
 * @param option the option that holds it, for the error
 * @throws {GatewayError} `invalid_configuration` unless it is an absolute http(s) URL without fragment and credentials
 * @see RFC 8707 section 2, RFC 9728 section 1.2
 */
export function checkResource(resource: string, option = 'resource'): string {
  text(resource, option)
  // `URL` also takes blanks around it and a host without slashes, which nothing compares equal to
  if (!/^https?:\/\/[^\s\\/]\S*$/i.test(resource) || !URL.canParse(resource)) {
    throw invalidConfiguration(`${option} must be an absolute http(s) URL, not "${resource}"`)
  }
  const { username, password } = new URL(resource)
  if (resource.includes('#') || username !== '' || password !== '') {
    throw invalidConfiguration(`${option} "${resource}" must have no fragment and no credentials`)
  }
  return resource
}

/**
 * Where the metadata of a protected resource is: the well-known path inserted between its host and its path.
 *
 * @see RFC 9728 section 3.1
 * @example
 * ```ts
 * resourceMetadataUrl('https://mcp.example.com/notes/mcp')
 * // https://mcp.example.com/.well-known/oauth-protected-resource/notes/mcp
 * ```
 */
export function resourceMetadataUrl(resource: string): string {
  const { origin, pathname, search } = new URL(checkResource(resource))
  return `${origin}${wellKnown}${pathname === '/' ? '' : pathname}${search}`
}

/** The root form of the well-known path. */
export const wellKnown = '/.well-known/oauth-protected-resource'
