import type { Middleware } from '../contract/handler.js'
import { checkOptions, type OptionTypes, textList } from '../contract/option-types.js'
import { recordRefusal } from '../contract/request-record.js'
import { addressList } from './address-list.js'
import { oauthError } from './oauth-error.js'

/** From where requests are let through. */
export interface AddressCheckOptions {
  /** Addresses and CIDR ranges, such as `10.0.0.0/8` or `::1`. */
  readonly allowedAddresses: readonly string[]
}

const types: OptionTypes<AddressCheckOptions> = { allowedAddresses: textList }

/**
 * Lets requests through by the address of the client alone, as the `guard` of a route that programs of one's own network ask,
 * such as `/metrics`. Behind a reverse proxy the host has to know the client's address: otherwise it is the proxy's, and
 * everybody's. It refuses with 403, also where the host does not tell an address.
 *
 * @throws {GatewayError} `invalid_configuration` at construction
 * @example
 * ```ts
 * const routes = { '/metrics': { handle: metrics, guard: addressCheck({ allowedAddresses: ['10.0.0.0/8'] }) } }
 * ```
 */
export function addressCheck(options: AddressCheckOptions): Middleware {
  checkOptions('addressCheck', options, types)
  const isAllowed = addressList(options.allowedAddresses, 'addressCheck: allowedAddresses')
  return (request, context, next) => {
    const address = context.client?.address
    if (address !== undefined && isAllowed(address)) return next(request, context)
    const reason = address === undefined ? 'the host tells no client address' : `${address} is not allowed`
    recordRefusal(context.record, { by: 'addressCheck', code: 'forbidden_address', reason })
    return oauthError(403, 'access_denied', 'Requests from this address are not answered here')
  }
}
