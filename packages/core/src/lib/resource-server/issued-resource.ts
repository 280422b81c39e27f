import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { isLoopbackIssuer } from '../keys/loopback-issuer.js'
import { checkResource } from './resource-url.js'

/**
 * Checks a resource that tokens are issued for: it is https, unless only this machine can reach it.
 *
 * @param option the option that holds it, for the error
 * @throws {GatewayError} `invalid_configuration`
 * @see RFC 8707 section 2
 */
export function checkIssuedResource(resource: string, option: string): void {
  checkResource(resource, option)
  if (/^https:/i.test(resource) || isLoopbackIssuer(resource)) return
  throw invalidConfiguration(`${option} "${resource}" must use https; http only on loopback`)
}
