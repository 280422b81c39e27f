export {
  createIntrospectionVerifier,
  type IntrospectionVerifierOptions,
} from './lib/tokens/introspection/create-introspection-verifier.js'
