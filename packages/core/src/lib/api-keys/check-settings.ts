import { GatewayError } from '../contract/gateway-error.js'
import { addressList } from '../http/address-list.js'
import { isObject } from '../json/is-object.js'
import type { ApiKeyOwner, ApiKeySettings } from './api-key.js'

/** The error for what a caller of an operation got wrong. */
export function invalidRequest(sentence: string): GatewayError {
  return new GatewayError('invalid_request', sentence)
}

const maxEntries = 100

type Checks = { readonly [Name in keyof ApiKeySettings]-?: (value: unknown) => boolean }

const checks: Checks = {
  name: (value) => isText(value, 200),
  // RFC 6749 section 3.3: scope-token
  scopes: (value) => isList(value, (one) => /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(one)),
  roles: (value) => isList(value, (one) => isText(one, 200)),
  groups: (value) => isList(value, (one) => isText(one, 200)),
  servers: (value) => isList(value, (one) => /^https?:\/\/[^\s\\/#]\S{0,1999}$/i.test(one) && URL.canParse(one)),
  tools: (value) => isList(value, (one) => isText(one, 200)),
  addresses: (value) => isList(value, isAddress),
  rate: (value) => isObject(value) && isCount(value.limit) && isAbove0(value.window),
  expiresAt: (value) => value === null || isAbove0(value),
  notBefore: isAbove0,
  meta: (value) =>
    isObject(value) &&
    Object.keys(value).length <= 20 &&
    Object.entries(value).every(([key, one]) => isText(key, 100) && isText(one, 500)),
}

const rules: Readonly<Record<keyof ApiKeySettings, string>> = {
  name: 'a text of 1 to 200 characters',
  scopes: 'a list of up to 100 scopes, without blanks',
  roles: 'a list of up to 100 texts',
  groups: 'a list of up to 100 texts',
  servers: 'a list of up to 100 URLs of MCP servers, as they are configured',
  tools: 'a list of up to 100 names, in which * stands for any characters',
  addresses: 'a list of up to 100 IP addresses and ranges such as 10.0.0.0/8',
  rate: '{ limit, window }: a whole number of uses from 1 on, and seconds above 0',
  expiresAt: 'a time in seconds since the epoch, or null for never',
  notBefore: 'a time in seconds since the epoch',
  meta: 'an object of up to 20 texts',
}

const settingNames: readonly (keyof ApiKeySettings)[] = Object.keys(rules) as (keyof ApiKeySettings)[]

/**
 * Checks what somebody wants of a key. A name that is no setting is refused: it may be a limit with a mistake in it.
 *
 * @param others further names that the caller knows
 * @throws {GatewayError} `invalid_request` that names the setting and says what it must be
 */
export function checkSettings(settings: ApiKeySettings, others: readonly string[] = []): ApiKeySettings {
  if (!isObject(settings)) throw invalidRequest('The settings of a key must be an object')
  const names: readonly string[] = settingNames
  const stranger = Object.keys(settings).find((name) => !names.includes(name) && !others.includes(name))
  if (stranger !== undefined) {
    throw invalidRequest(
      `${JSON.stringify(stranger.slice(0, 50))} is no setting of a key; known are ${names.join(', ')}`,
    )
  }
  const taken: Record<string, unknown> = {}
  for (const name of settingNames) {
    if (!Object.hasOwn(settings, name)) continue
    const value = settings[name]
    if (value !== undefined && !checks[name](value)) throw invalidRequest(`${name} must be ${rules[name]}`)
    taken[name] = value
  }
  return taken
}

/** @throws {GatewayError} `invalid_request` for what names neither a person nor a service account */
export function checkOwner(owner: ApiKeyOwner): ApiKeyOwner {
  const { issuer, subject, serviceAccount } = Object(owner) as Record<string, unknown>
  if (isText(serviceAccount, 200) && issuer === undefined && subject === undefined) return { serviceAccount }
  if (isText(issuer, 500) && isText(subject, 500) && serviceAccount === undefined) return { issuer, subject }
  throw invalidRequest('owner must be { issuer, subject } of a person, or { serviceAccount }')
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength
}

function isList(value: unknown, accepts: (one: string) => boolean): boolean {
  return Array.isArray(value) && value.length <= maxEntries && value.every((one) => isText(one, 2000) && accepts(one))
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1
}

function isAbove0(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > 0
}

function isAddress(entry: string): boolean {
  try {
    addressList([entry], 'addresses')
    return true
  } catch {
    return false
  }
}
