// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISeller} from "../interfaces/ISeller.sol";

/// @title Seller: how all contracts that sell licences deal with native coin.
abstract contract Seller is ISeller {
    /// Gas for a receiver of native coin: enough for a Safe or a splitter, too little to hurt.
    uint256 private constant NATIVE_GAS = 100_000;

    /// @return change What of the coin that came with the call is more than the total.
    function _changeOf(address token, uint256 total) internal view returns (uint256 change) {
        if (token != address(0)) {
            if (msg.value != 0) revert UnexpectedValue(msg.value);
            return 0;
        }
        if (msg.value < total) revert ValueTooLow(msg.value, total);
        return msg.value - total;
    }

    /// @dev Bounded gas, and no copy of what the receiver returns.
    function _sendCoin(address receiver, uint256 amount) internal {
        if (amount == 0) return;
        bool sent;
        assembly ("memory-safe") {
            sent := call(NATIVE_GAS, receiver, amount, 0, 0, 0, 0)
        }
        if (!sent) revert PaymentRefused(receiver, amount);
    }
}
