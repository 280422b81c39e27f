import { type OptionType, withMethods } from '@mcp-gateway/core/internal'

/** Both clients have these; ioredis calls the second `evalsha`. */
export const redisClientType: OptionType = (value, name) => {
  const give =
    'a client object with get, eval and evalsha or evalSha, such as new Redis(url) of ioredis; not an address'
  withMethods(give, 'get', 'eval')(value, name)
  const { evalsha } = value as Readonly<Record<string, unknown>>
  withMethods(give, typeof evalsha === 'function' ? 'evalsha' : 'evalSha')(value, name)
}
