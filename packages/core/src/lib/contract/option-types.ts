import { wrongOption } from './invalid-configuration.js'

/** Throws a `GatewayError` `invalid_configuration` with the name of the option for a value that is not of the type. */
export type OptionType = (value: unknown, name: string) => void

/** A type for each option, so that one that is added later does not compile without. */
export type OptionTypes<T> = { readonly [Name in keyof T]-?: OptionType }

/**
 * Checks an object of options before anything is done with it, so that no wrong one ends as a `TypeError` or is found
 * out at the first request.
 *
 * @param where the function that was called
 * @throws {GatewayError} `invalid_configuration`
 */
export function checkOptions<T extends object>(where: string, options: T, types: OptionTypes<T>): void {
  if (!isPlain(options)) throw wrongOption(`The options of ${where}`, options, 'an object of options')
  checkMembers(options, types, (name) => `${where}: ${name}`)
}

function checkMembers(options: object, types: Readonly<Record<string, OptionType>>, label: (name: string) => string) {
  for (const [name, type] of Object.entries(types)) {
    type((options as Readonly<Record<string, unknown>>)[name], label(name))
  }
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isIterable(value)
}

/** A `Map` or `Set` where a plain object is meant has no members to read, and would pass for an empty one. */
function isIterable(value: object): boolean {
  return Symbol.iterator in value
}

/* @__NO_SIDE_EFFECTS__ */
function type(give: string, accepts: (value: unknown) => boolean): OptionType {
  return (value, name) => {
    if (!accepts(value)) throw wrongOption(name, value, give)
  }
}

/** An object of whatever members; what it is for looks at them. */
export const object: OptionType = /* @__PURE__ */ type('an object', isPlain)

export const text: OptionType = /* @__PURE__ */ type('a string', (value) => typeof value === 'string')

export const filledText: OptionType = /* @__PURE__ */ type(
  'a string that is not empty',
  (value) => typeof value === 'string' && value !== '',
)

export const flag: OptionType = /* @__PURE__ */ type('true or false', (value) => typeof value === 'boolean')

/** `Infinity` is one: it stands for no limit. */
export const positive: OptionType = /* @__PURE__ */ type(
  'a number above 0',
  (value) => typeof value === 'number' && value > 0,
)

export const notNegative: OptionType = /* @__PURE__ */ type(
  'a number from 0 on',
  (value) => typeof value === 'number' && value >= 0,
)

export const callable: OptionType = /* @__PURE__ */ type('a function', (value) => typeof value === 'function')

/** Anything that the type lets pass, and nothing at all. */
/* @__NO_SIDE_EFFECTS__ */
export function optional(inner: OptionType): OptionType {
  return (value, name) => {
    if (value !== undefined) inner(value, name)
  }
}

/* @__NO_SIDE_EFFECTS__ */
export function listOf(inner: OptionType, give = 'a list'): OptionType {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrongOption(name, value, give)
    for (const [index, one] of value.entries()) inner(one, `${name}[${index}]`)
  }
}

export const textList: OptionType = /* @__PURE__ */ listOf(text, 'a list of strings')

/** An object with members of any names. */
/* @__NO_SIDE_EFFECTS__ */
export function recordOf(inner: OptionType, give = 'an object'): OptionType {
  return (value, name) => {
    if (!isPlain(value)) throw wrongOption(name, value, give)
    for (const [key, one] of Object.entries(value)) inner(one, `${name}[${JSON.stringify(key)}]`)
  }
}

/** An object of options within options. */
/* @__NO_SIDE_EFFECTS__ */
export function membersOf<T extends object>(types: OptionTypes<T>): OptionType {
  return (value, name) => {
    if (!isPlain(value)) throw wrongOption(name, value, 'an object of options')
    checkMembers(value, types, (member) => `${name}.${member}`)
  }
}

/* @__NO_SIDE_EFFECTS__ */
export function oneOf(...values: readonly unknown[]): OptionType {
  const give = `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`
  return type(give, (value) => values.includes(value))
}

/** @param give what to give, of which each inner type is one kind */
/* @__NO_SIDE_EFFECTS__ */
export function anyOf(give: string, ...inner: readonly OptionType[]): OptionType {
  return (value, name) => {
    if (!inner.some((one) => fits(one, value))) throw wrongOption(name, value, give)
  }
}

function fits(inner: OptionType, value: unknown): boolean {
  try {
    inner(value, '')
    return true
  } catch {
    return false
  }
}

/** An object, of whatever class, that has these methods. */
/* @__NO_SIDE_EFFECTS__ */
export function withMethods(give: string, ...methods: readonly string[]): OptionType {
  return (value, name) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
      throw wrongOption(name, value, give)
    }
    const missing = methods.find((one) => typeof (value as Readonly<Record<string, unknown>>)[one] !== 'function')
    if (missing !== undefined) throw wrongOption(name, value, give, `, which has no function ${missing}`)
  }
}
