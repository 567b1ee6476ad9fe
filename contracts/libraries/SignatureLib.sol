// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title SignatureLib: signatures of people and of contracts.
library SignatureLib {
    /// @notice Whether a signature is an account's over a hash: by its key, or as its code says (ERC-1271).
    /// @dev A person who lets code act for the account (EIP-7702) still has the key, and the code may know nothing of
    /// ERC-1271: either will do.
    /// @param account Who signed.
    /// @param hash What was signed.
    /// @param signature The signature.
    /// @return Whether it is valid now.
    function isValid(address account, bytes32 hash, bytes memory signature) internal view returns (bool) {
        if (isPerson(account) && account.code.length != 0) {
            (address signer, ECDSA.RecoverError error_,) = ECDSA.tryRecover(hash, signature);
            if (error_ == ECDSA.RecoverError.NoError && signer == account) return true;
        }
        return SignatureChecker.isValidSignatureNow(account, hash, signature);
    }

    /// @notice Whether an account has a key: it has no code, or only lets some act for it (EIP-7702).
    /// @param account The account.
    /// @return Whether nobody else can change what its code is.
    function isPerson(address account) internal view returns (bool) {
        uint256 size = account.code.length;
        return size == 0 || (size == 23 && bytes3(account.code) == 0xef0100);
    }
}
