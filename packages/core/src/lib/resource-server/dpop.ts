import { calculateJwkThumbprint, compactVerify, decodeProtectedHeader, importJWK, type JWK } from 'jose'
import type { KeyProof } from '../contract/auth-info.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import {
  checkOptions,
  flag,
  notNegative,
  type OptionTypes,
  optional,
  positive,
  textList,
} from '../contract/option-types.js'
import { isRefusal, Refusal } from '../contract/refusal.js'
import { storageType } from '../contract/shared-option-types.js'
import type { Storage } from '../contract/storage.js'
import { strictPublicKey } from '../keys/key-size.js'
import { isCompact } from '../keys/token-spelling.js'
import { sha256 } from '../text/sha256.js'

/** How DPoP proofs are checked. */
export interface DpopOptions {
  /** Where used proofs are remembered; shared by all processes that serve the resource. */
  readonly storage: Storage
  /** Refuses tokens that are not bound to a key. Default false. */
  readonly required?: boolean
  /** Accepted proof algorithms. Default ES256, ES384, PS256, EdDSA and Ed25519. */
  readonly algorithms?: readonly string[]
  /** For how long after it was made a proof is accepted, in seconds. Default 60. */
  readonly maxAge?: number
  /** How far the clock of a client may be ahead, in seconds. Default 5. */
  readonly clockTolerance?: number
}

/** What `bearerAuth` asks of DPoP. */
export interface Dpop {
  readonly required: boolean
  readonly algorithms: readonly string[]
  /**
   * Checks the proof of a request, all but its single use.
   *
   * @throws {Refusal} `invalid_dpop_proof`, saying what is wrong with it
   */
  prove(request: Request, token: string, resource: string): Promise<DpopProof>
}

/** A proof that holds. */
export interface DpopProof extends KeyProof {
  /**
   * Uses the proof up. To be called once the token itself is found good.
   *
   * @throws {Refusal} `invalid_dpop_proof` if it was used before
   */
  use(): Promise<void>
}

const supported = ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'EdDSA', 'Ed25519']
const maxLength = 8192

/**
 * Turns on DPoP in `bearerAuth`: tokens that are bound to a key are then accepted under the `DPoP` scheme, each request
 * with a fresh proof for its method, for this resource and for this token. Every proof works once, over all processes
 * that share the storage. It issues no nonces.
 *
 * @throws {GatewayError} `invalid_configuration` for an algorithm that is not asymmetric
 * @see RFC 9449 sections 4.3 and 7
 * @example
 * ```ts
 * const guard: Middleware = bearerAuth({ verifier, resource, dpop: dpop({ storage }) })
 * ```
 */
export function dpop(options: DpopOptions): Dpop {
  checkOptions('dpop', options, types)
  const { storage, required = false, maxAge = 60, clockTolerance = 5 } = options
  const { algorithms = ['ES256', 'ES384', 'PS256', 'EdDSA', 'Ed25519'] } = options
  const unknown = algorithms.find((name) => !supported.includes(name))
  if (unknown !== undefined || algorithms.length === 0) {
    const message = `algorithms of dpop must be some of ${supported.join(', ')}, not "${unknown ?? ''}"`
    throw invalidConfiguration(message)
  }
  return {
    required,
    algorithms,
    async prove(request, token, resource) {
      const proof = await readProof(request.headers.get('DPoP'), algorithms)
      const { htm, htu, iat, jti, ath } = proof.claims
      const now = Date.now() / 1000
      if (htm !== request.method) throw wrong('is for another method')
      if (typeof htu !== 'string' || target(htu) !== target(resource)) throw wrong('is for another address')
      if (typeof iat !== 'number' || !(iat + maxAge > now && iat - clockTolerance <= now)) {
        throw wrong('is too old, or from the future')
      }
      if (ath !== (await sha256(token))) throw wrong('is for another token')
      if (typeof jti !== 'string' || jti === '') throw wrong('has no jti')
      const jkt = await calculateJwkThumbprint(proof.jwk)
      return {
        jkt,
        // Kept until the proof is too old, even if it came early.
        use: async () => {
          const ttl = maxAge + clockTolerance
          const isNew = await storage.add(`dpop:${await sha256(JSON.stringify([jkt, jti]))}`, '', { ttl })
          if (!isNew) throw wrong('was used before')
        },
      }
    },
  }
}

const types: OptionTypes<DpopOptions> = {
  storage: storageType,
  required: optional(flag),
  algorithms: optional(textList),
  maxAge: optional(positive),
  clockTolerance: optional(notNegative),
}

async function readProof(
  proof: string | null,
  algorithms: readonly string[],
): Promise<{ jwk: JWK; claims: Record<string, unknown> }> {
  // Two headers arrive as one, joined by a comma, which no JWT can hold.
  if (proof === null || proof.length > maxLength) throw wrong('is missing, or too long')
  if (!isCompact(proof)) throw wrong('is no JWT, or not written as it was signed')
  try {
    const { typ, alg, jwk } = decodeProtectedHeader(proof)
    if (typ?.toLowerCase() !== 'dpop+jwt' || alg === undefined || !algorithms.includes(alg)) {
      throw wrong('has another type or algorithm')
    }
    const bare = typeof jwk === 'object' && jwk !== null ? strictPublicKey(jwk as JWK) : undefined
    // Before any crypto: whoever wrote the proof chose the key, and with it what checking it costs.
    if (bare === undefined) throw wrong('holds no public key of a usual size')
    const key = await importJWK(bare, alg)
    const { payload } = await compactVerify(proof, key, { algorithms: [alg] })
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
    if (typeof claims !== 'object' || claims === null) throw wrong('holds no claims')
    return { jwk: bare, claims: claims as Record<string, unknown> }
  } catch (error) {
    throw isRefusal(error) ? error : wrong('does not verify')
  }
}

function wrong(how: string): Refusal {
  return new Refusal(401, 'invalid_dpop_proof', `The DPoP proof ${how}`)
}

/**
 * RFC 9449 section 4.3: compared without query and fragment, after normalisation. The resource is what was configured,
 * never what a Host header says; with or without a slash at its end it is the same endpoint.
 */
function target(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { origin, pathname } = new URL(url)
  return origin + (pathname.endsWith('/') ? pathname.slice(0, -1) : pathname)
}
