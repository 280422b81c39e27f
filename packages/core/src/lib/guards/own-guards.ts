import { invalidConfiguration } from '../contract/invalid-configuration.js'
import { checkOptions, listOf, type OptionTypes, oneOf, optional, positive } from '../contract/option-types.js'
import { maskPersonalData } from '../logging/personal-data.js'
import { maskCredentials } from '../logging/redact.js'
import type { Guard, GuardedCall, GuardFinding } from './guard.js'

/** What a guard of texts does, and where. */
export interface TextGuardOptions {
  /**
   * Refuse the call, replace what was found, or only tell.
   *
   * @default 'mask'
   */
  readonly action?: GuardFinding['action']
  /** Both by default. */
  readonly in?: readonly GuardedCall['direction'][]
}

/** The sizes that are let pass, in bytes. */
export interface SizeGuardOptions {
  readonly maxArguments?: number
  readonly maxResult?: number
  /**
   * Refuse the call, or only tell.
   *
   * @default 'block'
   */
  readonly action?: 'block' | 'flag'
}

/**
 * Finds e-mail addresses, phone numbers, IP addresses, card and account numbers by what they look like, the last two by their
 * check digits. It knows no names of persons and no postal addresses.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const guarded = compose([message(), guards([personalData({ action: 'mask', in: ['result'] })])], handler)
 * ```
 */
export function personalData(options: TextGuardOptions = {}): Guard {
  return textGuard('personalData', options, maskPersonalData, 'data of a person')
}

/**
 * Finds credentials by what they look like, with the patterns of the log: JSON Web Tokens, `Authorization` values, private keys,
 * and what many services begin their keys with. It knows no secret that looks like an ordinary word.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const guarded = compose([message(), guards([secrets({ action: 'block' })])], handler)
 * ```
 */
export function secrets(options: TextGuardOptions = {}): Guard {
  return textGuard('secrets', options, maskCredentials, 'a credential')
}

/**
 * Limits how large arguments and results may be.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const guarded = compose([message(), guards([size({ maxArguments: 65_536, maxResult: 1_048_576 })])], handler)
 * ```
 */
export function size(options: SizeGuardOptions): Guard {
  checkOptions('size', options, sizeTypes)
  const { maxArguments, maxResult, action = 'block' } = options
  if (maxArguments === undefined && maxResult === undefined) {
    throw invalidConfiguration('size: name maxArguments, maxResult or both')
  }
  return {
    name: 'size',
    size: (bytes, { direction }) => {
      const max = direction === 'arguments' ? maxArguments : maxResult
      return max === undefined || bytes <= max ? undefined : { action, reason: `${bytes} bytes, of ${max} that may be` }
    },
  }
}

const sizeTypes: OptionTypes<SizeGuardOptions> = {
  maxArguments: optional(positive),
  maxResult: optional(positive),
  action: optional(oneOf('block', 'flag')),
}

const textTypes: OptionTypes<TextGuardOptions> = {
  action: optional(oneOf('block', 'mask', 'flag')),
  in: optional(listOf(oneOf('arguments', 'result'), 'a list of "arguments" and "result"')),
}

/** @param mask makes another text of one in which it finds something */
function textGuard(name: string, options: TextGuardOptions, mask: (text: string) => string, what: string): Guard {
  checkOptions(name, options, textTypes)
  const { action = 'mask', in: directions = ['arguments', 'result'] } = options
  return {
    name,
    text: (text, { direction }) => {
      if (!directions.includes(direction)) return undefined
      const masked = mask(text)
      if (masked === text) return undefined
      const reason = `It has ${what}`
      return action === 'mask' ? { action, reason, text: masked } : { action, reason }
    },
  }
}
