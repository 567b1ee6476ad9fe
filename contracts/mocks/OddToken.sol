// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {MockToken} from "./MockToken.sol";

/// @title OddToken: a sound token, but for payments to those with whom it was told to be odd.
contract OddToken is MockToken {
    enum Manner {
        Sound,
        Revert,
        SayFalse,
        SayTwo,
        SayShort,
        BurnGas,
        HugeReturn,
        HugeRevert
    }

    uint256 private constant MEGABYTE = 1 << 20;

    mapping(address account => Manner) private _manners;

    /// @dev Nothing moves to this account.
    error Odd(address account);

    constructor() MockToken(18) {}

    /// @notice Say how payments to these accounts end.
    function setManner(address[] calldata accounts, Manner manner) external {
        for (uint256 i = 0; i < accounts.length; ++i) {
            _manners[accounts[i]] = manner;
        }
    }

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override returns (bool) {
        Manner manner = _manners[to];
        if (manner == Manner.Revert) revert Odd(to);
        if (manner == Manner.SayFalse) return false;
        // Not memory-safe on purpose: the call ends in each of these.
        if (manner == Manner.BurnGas) {
            assembly {
                invalid()
            }
        }
        if (manner == Manner.SayTwo) {
            assembly {
                mstore(0, 2)
                return(0, 0x20)
            }
        }
        if (manner == Manner.SayShort) {
            assembly {
                mstore(0, 1)
                return(0, 0x1f)
            }
        }
        if (manner == Manner.HugeReturn) {
            assembly {
                mstore(0, 1)
                return(0, MEGABYTE)
            }
        }
        if (manner == Manner.HugeRevert) {
            assembly {
                revert(0, MEGABYTE)
            }
        }
        return super.transfer(to, amount);
    }
}
