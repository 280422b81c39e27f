import { GatewayError } from './gateway-error.js'

/** The error for options that cannot work, in a sentence that says what to change. No secret belongs into it. */
export function invalidConfiguration(sentence: string, options?: { cause?: unknown }): GatewayError {
  return new GatewayError('invalid_configuration', sentence, options)
}

/**
 * The same for one option: which it is, what it got and what to give. A text is never repeated, since it may be a secret
 * at the wrong place.
 */
export function wrongOption(option: string, got: unknown, give: string, because = ''): GatewayError {
  const is = got === undefined ? 'is missing' : `must not be ${kindOf(got)}${because}`
  return invalidConfiguration(`${option} ${is}; give ${give}`)
}

function kindOf(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'this string'
  if (typeof value !== 'object') return `a ${typeof value}`
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'this list'
  const name = value.constructor?.name
  return typeof name !== 'string' || name === 'Object' || name === '' ? 'this object' : `an object of ${name}`
}
