import { anyOf, callable, listOf, type OptionType, withMethods } from './option-types.js'

const observer: OptionType = anyOf(
  'a function, or an object with observe, such as createAudit(…)',
  callable,
  withMethods('an object with observe', 'observe'),
)

export const observeType: OptionType = anyOf(
  'a function, an object with observe such as createAudit(…), or a list of them',
  observer,
  listOf(observer),
)
