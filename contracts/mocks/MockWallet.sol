// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title MockWallet: a contract account that accepts the signatures of its key.
contract MockWallet is IERC1271 {
    /// @notice Whose signatures it accepts.
    address public key;

    constructor(address key_) {
        key = key_;
    }

    /// @notice Accept the signatures of another key from now on.
    function setKey(address key_) external {
        key = key_;
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError error_,) = ECDSA.tryRecoverCalldata(hash, signature);
        bool valid = error_ == ECDSA.RecoverError.NoError && signer == key;
        return valid ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
