import { anyOf, callable, filledText, listOf, type OptionType, withMethods } from './option-types.js'

export const storageType: OptionType = /* @__PURE__ */ withMethods(
  'a Storage, such as memoryStorage() or one of @mcp-gateway/storage-adapters',
  'get',
  'set',
  'add',
  'take',
  'compareAndSet',
  'delete',
  'list',
  'increment',
  'close',
)

export const loggerType: OptionType = /* @__PURE__ */ withMethods(
  'a logger with debug, info, warn and error, such as createLogger() or one of pino',
  'debug',
  'info',
  'warn',
  'error',
)

export const verifierType: OptionType = /* @__PURE__ */ withMethods(
  'an object with verifyAccessToken, such as createTokenVerifier(…)',
  'verifyAccessToken',
)

export const subjectType: OptionType = /* @__PURE__ */ anyOf('the name of a claim, or a function', filledText, callable)

export const audienceType: OptionType = /* @__PURE__ */ anyOf(
  'a string, or a list of strings',
  filledText,
  /* @__PURE__ */ listOf(filledText),
)
